//! A structured log event as one flat buffer.
//!
//! Two lists of [`crate::Pairs`]: facts about the event (`target`, `message`, and `request_id` and `traceparent` if it
//! belongs to a request), then its fields in their original order. All texts are UTF-8. A reader ignores unknown facts.

use crate::pairs::{Pairs, write_pairs};

/// The parts of a log event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// The source of the event, usually a module path.
    pub target: &'a str,
    /// The message.
    pub message: &'a str,
    /// The id of the request that was being handled.
    pub request_id: Option<&'a str>,
    /// The W3C trace context of that request.
    pub traceparent: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// Appends the event with its fields to `out`.
    pub fn write<'f>(&self, fields: impl Iterator<Item = (&'f str, &'f str)>, out: &mut Vec<u8>) {
        let facts = [
            Some(("target", self.target)),
            Some(("message", self.message)),
            self.request_id.map(|id| ("request_id", id)),
            self.traceparent.map(|trace| ("traceparent", trace)),
        ];
        write_pairs(out, facts.into_iter().flatten().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        write_pairs(out, fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    }

    /// Reads an event and its fields; `None` if the buffer is not an event.
    pub fn read(buffer: &'a [u8]) -> Option<(Record<'a>, Pairs<'a>)> {
        let (facts, rest) = Pairs::read(buffer).ok()?;
        let (fields, _) = Pairs::read(rest).ok()?;
        let fact = |name: &str| facts.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok());
        let record = Record {
            target: fact("target")?,
            message: fact("message")?,
            request_id: fact("request_id"),
            traceparent: fact("traceparent"),
        };
        Some((record, fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_it_was_written_and_no_cut_of_it_is_read() {
        let mut buffer = vec![];
        let record = Record { target: "cats", message: "fed", request_id: Some("r1"), traceparent: None };
        record.write([("cat", "7"), ("name", "Zo\u{eb}")].into_iter(), &mut buffer);
        let (read, fields) = Record::read(&buffer).unwrap();
        assert_eq!((read.target, read.message, read.request_id, read.traceparent), ("cats", "fed", Some("r1"), None));
        assert_eq!(fields.get(b"name"), Some("Zo\u{eb}".as_bytes()));
        for end in 0..buffer.len() {
            assert!(Record::read(&buffer[..end]).is_none(), "{end}");
        }
    }
}
