//! A list of (name, value) pairs in one flat buffer: headers, parameters, context.
//!
//! Layout, all numbers `u32` little-endian: `count`, then `count` times `name length, value length, name, value`.
//! Nothing is aligned; nothing is terminated.

/// Appends `pairs` to `out`.
///
/// At most `u32::MAX` pairs, and `u32::MAX` bytes per name and value; the callers' limits are far below.
pub fn write_pairs<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for (name, value) in pairs {
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(value);
        count += 1;
    }
    out[at..at + 4].copy_from_slice(&count.to_le_bytes());
}

/// Pairs read from a buffer, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    count: usize,
    /// The pairs; `read` has checked that `count` pairs are inside.
    bytes: &'a [u8],
}

/// The buffer is not what [`write_pairs`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairsError;

impl std::fmt::Display for PairsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of pairs is shorter than its declared length")
    }
}

impl std::error::Error for PairsError {}

impl<'a> Pairs<'a> {
    /// No pairs.
    pub const EMPTY: Pairs<'static> = Pairs { count: 0, bytes: &[] };

    /// Reads the pairs at the start of `buffer`, checks that all of them are inside it, and returns the rest.
    ///
    /// # Errors
    /// [`PairsError`] when a length points past the end.
    pub fn read(buffer: &'a [u8]) -> Result<(Pairs<'a>, &'a [u8]), PairsError> {
        let (count, bytes) = read_u32(buffer).ok_or(PairsError)?;
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = read_pair(rest).ok_or(PairsError)?;
        }
        Ok((Pairs { count: count as usize, bytes: &bytes[..bytes.len() - rest.len()] }, rest))
    }

    /// Returns the number of pairs.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (pair, after) = read_pair(rest)?;
            rest = after;
            Some(pair)
        })
    }

    /// The first value under `name`, compared byte for byte.
    pub fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

type Pair<'a> = (&'a [u8], &'a [u8]);

fn read_pair(buffer: &[u8]) -> Option<(Pair<'_>, &[u8])> {
    let (name, rest) = read_u32(buffer)?;
    let (value, rest) = read_u32(rest)?;
    let (name, rest) = rest.split_at_checked(name as usize)?;
    let (value, rest) = rest.split_at_checked(value as usize)?;
    Some(((name, value), rest))
}

pub(crate) fn read_u32(buffer: &[u8]) -> Option<(u32, &[u8])> {
    let (bytes, rest) = buffer.split_first_chunk()?;
    Some((u32::from_le_bytes(*bytes), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_read_as_they_were_written() {
        let pairs: &[(&[u8], &[u8])] = &[(b"a", b"1"), (b"", b""), (b"name", b"v\xff")];
        let mut buffer = vec![];
        write_pairs(&mut buffer, pairs.iter().copied());
        buffer.extend_from_slice(b"rest");
        let (read, rest) = Pairs::read(&buffer).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), pairs);
        assert_eq!((read.len(), rest), (3, &b"rest"[..]));
        assert_eq!(read.get(b"name"), Some(&b"v\xff"[..]));
    }

    #[test]
    fn every_cut_and_every_huge_length_is_refused() {
        let mut buffer = vec![];
        write_pairs(&mut buffer, [(&b"ab"[..], &b"cd"[..])].into_iter());
        for end in 0..buffer.len() {
            assert!(Pairs::read(&buffer[..end]).is_err(), "{end}");
        }
        for at in (0..12).step_by(4) {
            let mut bad = buffer.clone();
            bad[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert!(Pairs::read(&bad).is_err(), "{at}");
        }
    }
}
