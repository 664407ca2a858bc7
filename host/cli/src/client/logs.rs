//! Follows the log of a plugin, over restarts of its host.

use std::ops::ControlFlow;

use host_api::{EventGap, LogLine};
use http_body_util::BodyExt as _;

use super::events::{RETRY, Reader, SILENCE, not_understood};
use super::{Ask, Client};
use crate::failure::{Exit, Failure};

/// What one who follows a log is told.
pub(crate) enum ToldOfLog {
    /// A line; as it is, and as the host says it.
    Line(LogLine, String),
    /// Some lines are lost.
    Gap(EventGap),
    /// The connection broke off.
    Lost,
    /// It is there again.
    Back,
}

impl Client {
    /// Tells what is kept of a log and what comes, and connects again when the connection breaks off, until `tell` has enough.
    ///
    /// # Errors
    /// The host can't be reached at first, refuses, which it does once the plugin is unloaded, or is not understood.
    pub(crate) async fn follow_log(
        &self,
        place: &str,
        mut tell: impl FnMut(ToldOfLog) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let (mut was_there, mut is_lost, mut last) = (false, false, None);
        loop {
            let ask = Ask::get(place).header("accept", "text/event-stream");
            let ask = match last {
                Some(number) => ask.header("last-event-id", number),
                None => ask,
            };
            match self.send(ask).await {
                Ok(response) => {
                    was_there = true;
                    if std::mem::take(&mut is_lost) && tell(ToldOfLog::Back).is_break() {
                        return Ok(());
                    }
                    let mut body = response.into_body();
                    let mut reader = Reader::default();
                    // A stream that ends, breaks or falls silent is asked for again.
                    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
                        let Ok(bytes) = frame.into_data() else { continue };
                        for (name, data) in reader.read(&bytes)? {
                            let told = told(&name, data)?;
                            last = match &told {
                                ToldOfLog::Line(line, _) => Some(line.number),
                                ToldOfLog::Gap(gap) => Some(gap.from.saturating_sub(1)),
                                ToldOfLog::Lost | ToldOfLog::Back => last,
                            };
                            if tell(told).is_break() {
                                return Ok(());
                            }
                        }
                    }
                }
                Err(failure) if was_there && failure.exit == Exit::Unreachable => {}
                Err(failure) => return Err(failure),
            }
            if !std::mem::replace(&mut is_lost, true) && tell(ToldOfLog::Lost).is_break() {
                return Ok(());
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

fn told(name: &str, data: String) -> Result<ToldOfLog, Failure> {
    let told = match name {
        "gap" => serde_json::from_str(&data).map(ToldOfLog::Gap),
        _ => serde_json::from_str(&data).map(|line| ToldOfLog::Line(line, data)),
    };
    told.map_err(|error| not_understood(&error))
}
