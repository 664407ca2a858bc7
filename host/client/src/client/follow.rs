//! Follows event and log streams across restarts of the host.

use std::ops::ControlFlow;
use std::time::Duration;

use host_api::{Event, EventGap, LogLine};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use super::{ApiRequest, Client};
use crate::failure::{Exit, Failure};

/// Delay before the next attempt to reconnect.
const RETRY: Duration = Duration::from_secs(1);
/// Longest silence of a stream. A host sends at least a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// Maximum length of a line and of an event.
const MAX_LINE_BYTES: usize = 1 << 20;

/// An item of a stream with a sequence number, used to resume the stream.
pub(crate) trait StreamItem: DeserializeOwned {
    /// Returns the sequence number.
    fn number(&self) -> u64;
}

impl StreamItem for Event {
    fn number(&self) -> u64 {
        self.seq
    }
}

impl StreamItem for LogLine {
    fn number(&self) -> u64 {
        self.number
    }
}

/// A notification to the follower of a stream.
pub(crate) enum StreamUpdate<T> {
    /// An item, parsed and as received.
    Item(T, String),
    /// Some items are missing.
    Gap(EventGap),
    /// The connection was lost.
    Lost,
    /// The connection was restored.
    Restored,
}

impl Client {
    /// Passes the items after number `last`, or all stored items without it, to `tell`. Reconnects when the connection
    /// is lost. Returns when `tell` returns [`ControlFlow::Break`].
    ///
    /// # Errors
    /// The first connection fails, the host refuses the request (for a log also when its plugin is unloaded), or the
    /// stream cannot be parsed.
    pub(crate) async fn follow_stream<T: StreamItem>(
        &self,
        place: &str,
        mut last: Option<u64>,
        mut tell: impl FnMut(StreamUpdate<T>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut was_there = false;
        let mut is_lost = false;
        loop {
            let ask = ApiRequest::get(place).header("accept", "text/event-stream");
            let ask = match last {
                Some(number) => ask.header("last-event-id", number),
                None => ask,
            };
            match self.send(ask).await {
                Ok(response) => {
                    was_there = true;
                    if std::mem::take(&mut is_lost) && tell(StreamUpdate::Restored).is_break() {
                        return Ok(());
                    }
                    let mut body = response.into_body();
                    let mut reader = Reader::default();
                    // A stream that ends, breaks or is silent for too long is requested again.
                    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
                        let Ok(bytes) = frame.into_data() else { continue };
                        for (name, data) in reader.read(&bytes)? {
                            let update = parse_update(&name, data)?;
                            last = match &update {
                                StreamUpdate::Item(item, _) => Some(T::number(item)),
                                StreamUpdate::Gap(gap) => Some(gap.from.saturating_sub(1)),
                                StreamUpdate::Lost | StreamUpdate::Restored => last,
                            };
                            if tell(update).is_break() {
                                return Ok(());
                            }
                        }
                    }
                }
                Err(failure) if was_there && failure.exit == Exit::Unreachable => {}
                Err(failure) => return Err(failure),
            }
            if !std::mem::replace(&mut is_lost, true) && tell(StreamUpdate::Lost).is_break() {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

fn parse_update<T: StreamItem>(name: &str, data: String) -> Result<StreamUpdate<T>, Failure> {
    let update = match name {
        "gap" => serde_json::from_str(&data).map(StreamUpdate::Gap),
        _ => serde_json::from_str(&data).map(|item| StreamUpdate::Item(item, data)),
    };
    update.map_err(|error| {
        let failure = Failure::from_error("failed to parse the host's response", &error);
        failure.fix("use a plugin-host program of the same version as the host")
    })
}

/// Parses server-sent events incrementally.
#[derive(Default)]
struct Reader {
    line: Vec<u8>,
    name: String,
    data: Option<String>,
}

impl Reader {
    /// Returns the events that these bytes complete, as name and data.
    fn read(&mut self, bytes: &[u8]) -> Result<Vec<(String, String)>, Failure> {
        let mut whole = vec![];
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() >= MAX_LINE_BYTES {
                    return Err(Failure::unreachable("the server is not a plugin host: it sent a line without an end"));
                }
                self.line.push(byte);
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            let line = line.strip_suffix('\r').unwrap_or(&line);
            match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
                Some(("event", name)) => self.name = name.to_owned(),
                Some(("data", part)) => match &mut self.data {
                    Some(data) if data.len() + part.len() >= MAX_LINE_BYTES => {
                        return Err(Failure::unreachable(
                            "the server is not a plugin host: it sent an event without an end",
                        ));
                    }
                    Some(data) => *data += &format!("\n{part}"),
                    None => self.data = Some(part.to_owned()),
                },
                None if line.is_empty() => {
                    let name = std::mem::take(&mut self.name);
                    whole.extend(self.data.take().map(|data| (name, data)));
                }
                // Unused fields, and comments, which only keep the connection alive.
                _ => {}
            }
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_parsed_from_chunks_of_any_size() {
        let text =
            "retry: 1000\n\nid: 1\nevent: a.b\ndata: {}\n\n:\n\nid: 2\r\ndata: x\r\ndata:y\r\n\r\nevent: c\n\ndata: z";
        let expected = [("a.b", "{}"), ("", "x\ny")].map(|(name, data)| (name.to_owned(), data.to_owned()));
        for size in [1, 2, 3, 7, text.len()] {
            let mut reader = Reader::default();
            let parts = text.as_bytes().chunks(size).map(|part| reader.read(part).unwrap());
            assert_eq!(parts.collect::<Vec<_>>().concat(), expected);
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert!(Reader::default().read(&vec![b'x'; MAX_LINE_BYTES + 1]).is_err());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut reader = Reader::default();
        let lines = format!("data: {}\n", "x".repeat(1_000)).repeat(100);
        let n_taken = (0..1_000).take_while(|_| reader.read(lines.as_bytes()).is_ok()).count();
        assert_eq!(n_taken, MAX_LINE_BYTES / 100_000);
    }
}
