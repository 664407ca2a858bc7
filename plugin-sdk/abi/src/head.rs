//! The head of a request as one flat buffer.
//!
//! The host writes it with one allocation; reading it allocates nothing. Layout, all numbers `u32` little-endian:
//!
//! | field | bytes |
//! |---|---|
//! | layout version, 1 | 4 |
//! | index of the handler in the plugin's description | 4 |
//! | milliseconds until the deadline, at sending; `u32::MAX` for none | 4 |
//! | lengths of method, path, query (`u32::MAX`: none), peer, request id | 5 × 4 |
//! | method, path, query, peer, request id | the lengths above |
//! | parameters, headers, context | three lists of [`crate::Pairs`] |
//!
//! The path is the part after the plugin's id, as the caller sent it (percent-encoded); parameters are decoded.
//! The context holds facts that later versions add (an actor, a trace). A reader ignores unknown names.

use crate::pairs::{Pairs, read_u32, write_pairs};

/// The parts of a head to write.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a, P, H, C> {
    /// The index of the handler in the plugin's description.
    pub handler: u32,
    /// Milliseconds until the host's deadline, if there is one.
    pub deadline_ms: Option<u32>,
    /// The method, in capitals.
    pub method: &'a str,
    /// The path after the plugin's id, with its leading `/`.
    pub path: &'a str,
    /// The query without `?`.
    pub query: Option<&'a str>,
    /// Address of the caller; empty when unknown.
    pub peer: &'a str,
    /// The request id.
    pub request_id: &'a str,
    /// Path parameters, decoded.
    pub params: P,
    /// Headers, names in lower case.
    pub headers: H,
    /// Other facts.
    pub context: C,
}

impl<'a, P, H, C> Head<'a, P, H, C>
where
    P: Iterator<Item = (&'a [u8], &'a [u8])>,
    H: Iterator<Item = (&'a [u8], &'a [u8])>,
    C: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    /// Writes the head into a new buffer.
    pub fn write(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        let texts = [Some(self.method), Some(self.path), self.query, Some(self.peer), Some(self.request_id)];
        for number in [1, self.handler, self.deadline_ms.unwrap_or(u32::MAX)] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for text in texts {
            out.extend_from_slice(&text.map_or(u32::MAX, |text| text.len() as u32).to_le_bytes());
        }
        for text in texts.into_iter().flatten() {
            out.extend_from_slice(text.as_bytes());
        }
        write_pairs(&mut out, self.params);
        write_pairs(&mut out, self.headers);
        write_pairs(&mut out, self.context);
        out
    }
}

/// A head that was read from a buffer.
#[derive(Clone, Copy, Debug)]
pub struct HeadView<'a> {
    /// The index of the handler.
    pub handler: u32,
    /// Milliseconds until the host's deadline, if there is one.
    pub deadline_ms: Option<u32>,
    /// The method, in capitals.
    pub method: &'a str,
    /// The path after the plugin's id.
    pub path: &'a str,
    /// The query without `?`.
    pub query: Option<&'a str>,
    /// Address of the caller; empty when unknown.
    pub peer: &'a str,
    /// The request id.
    pub request_id: &'a str,
    /// Path parameters, decoded.
    pub params: Pairs<'a>,
    /// Headers, names in lower case.
    pub headers: Pairs<'a>,
    /// Other facts.
    pub context: Pairs<'a>,
}

/// The buffer is not a head of layout version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadError;

impl std::fmt::Display for HeadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request head does not have layout version 1")
    }
}

impl std::error::Error for HeadError {}

impl<'a> HeadView<'a> {
    /// Reads a head. Nothing is copied.
    ///
    /// # Errors
    /// [`HeadError`] if a length points past the end, a text is not UTF-8, or the layout version differs.
    pub fn read(buffer: &'a [u8]) -> Result<HeadView<'a>, HeadError> {
        HeadView::parse(buffer).ok_or(HeadError)
    }

    fn parse(buffer: &'a [u8]) -> Option<HeadView<'a>> {
        let (1, rest) = read_u32(buffer)? else { return None };
        let (handler, rest) = read_u32(rest)?;
        let (deadline, rest) = read_u32(rest)?;
        let mut lengths = [None; 5];
        let (mut after, mut n_bytes) = (rest, 0_usize);
        for length in &mut lengths {
            let (number, next) = read_u32(after)?;
            after = next;
            *length = (number != u32::MAX).then_some(number as usize);
            n_bytes = n_bytes.checked_add(length.unwrap_or(0))?;
        }
        let (texts, rest) = after.split_at_checked(n_bytes)?;
        // One check for all texts is faster than one for each: they are valid if they are valid together and end
        // between characters.
        let mut texts = std::str::from_utf8(texts).ok()?;
        let mut parts = [None; 5];
        for (part, length) in parts.iter_mut().zip(lengths) {
            let Some(length) = length else { continue };
            let (text, after) = texts.split_at_checked(length)?;
            (*part, texts) = (Some(text), after);
        }
        let [method, path, query, peer, request_id] = parts;
        let (params, rest) = Pairs::read(rest).ok()?;
        let (headers, rest) = Pairs::read(rest).ok()?;
        let (context, _) = Pairs::read(rest).ok()?;
        Some(HeadView {
            handler,
            deadline_ms: (deadline != u32::MAX).then_some(deadline),
            method: method?,
            path: path?,
            query,
            peer: peer?,
            request_id: request_id?,
            params,
            headers,
            context,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(query: Option<&str>) -> Vec<u8> {
        let params: &[(&[u8], &[u8])] = &[(b"name", "Zo\u{eb}".as_bytes())];
        let headers: &[(&[u8], &[u8])] = &[(b"accept", b"*/*"), (b"x-bytes", b"\xff")];
        Head {
            handler: 7,
            deadline_ms: Some(30_000),
            method: "GET",
            path: "/hello/Zo%C3%AB",
            query,
            peer: "127.0.0.1:5",
            request_id: "r1",
            params: params.iter().copied(),
            headers: headers.iter().copied(),
            context: std::iter::empty(),
        }
        .write()
    }

    #[test]
    fn a_head_reads_as_it_was_written() {
        let buffer = written(Some("a=1"));
        let head = HeadView::read(&buffer).unwrap();
        assert_eq!((head.handler, head.deadline_ms, head.method), (7, Some(30_000), "GET"));
        assert_eq!((head.path, head.query), ("/hello/Zo%C3%AB", Some("a=1")));
        assert_eq!((head.peer, head.request_id), ("127.0.0.1:5", "r1"));
        assert_eq!(head.params.get(b"name"), Some("Zo\u{eb}".as_bytes()));
        assert_eq!(head.headers.get(b"x-bytes"), Some(&b"\xff"[..]));
        assert!(head.context.is_empty());
        assert_eq!(HeadView::read(&written(None)).unwrap().query, None);
    }

    #[test]
    fn a_text_that_ends_within_a_character_is_refused() {
        let mut buffer = written(None);
        let (path, after_path) = (16, 24);
        let length = |buffer: &[u8], at: usize| read_u32(&buffer[at..]).unwrap().0;
        // Moves the last byte of a character from the path to the address of the caller.
        let at = buffer.windows(2).position(|two| two == b"AB").unwrap();
        buffer[at..at + 2].copy_from_slice("\u{eb}".as_bytes());
        let (long, short) = (length(&buffer, path), length(&buffer, after_path));
        assert!(HeadView::read(&buffer).is_ok());
        buffer[path..path + 4].copy_from_slice(&(long - 1).to_le_bytes());
        buffer[after_path..after_path + 4].copy_from_slice(&(short + 1).to_le_bytes());
        assert!(HeadView::read(&buffer).is_err());
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_read_or_refused_but_never_a_panic() {
        let buffer = written(Some("q"));
        for end in 0..buffer.len() {
            assert!(HeadView::read(&buffer[..end]).is_err(), "{end}");
        }
        for at in 0..buffer.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = buffer.clone();
                changed[at] = byte;
                if let Ok(head) = HeadView::read(&changed) {
                    let _ = head.headers.iter().count() + head.params.iter().count();
                }
            }
        }
    }
}
