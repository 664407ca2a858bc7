//! `logs`.

use std::ops::ControlFlow;

use host_api::{LogLine, LogLines};

use super::route;
use crate::args::Logs;
use crate::client::{ApiRequest, Client, StreamUpdate};
use crate::failure::Failure;
use crate::output;
use crate::output::text::{printable, utc};

/// Shows log lines and follows new ones.
pub(super) async fn logs(client: &Client, args: &Logs) -> Result<(), Failure> {
    let query = args.level.as_ref().map(|level| format!("?level={level}")).unwrap_or_default();
    let place = route(&args.id, &format!("/logs{query}"));
    if args.follow {
        let tell = |update| print(client, update, args.client.format.is_data());
        return tokio::select! {
            ended = client.follow_stream(&place, None, tell) => ended,
            () = output::reader_is_gone() => Ok(()),
        };
    }
    let reply = client.request(ApiRequest::get(place)).await?;
    if args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let log: LogLines = reply.read()?;
    if log.lines.is_empty() {
        output::error_line("the plugin's log is empty");
    }
    log.lines.iter().for_each(|found| output::line(&line(found)));
    Ok(())
}

fn print(client: &Client, update: StreamUpdate<LogLine>, as_json: bool) -> ControlFlow<()> {
    let remark = |text: &str| {
        output::error_line(text);
        Ok(())
    };
    let printed = match update {
        StreamUpdate::Item(_, data) if as_json => output::try_data(data.as_bytes()),
        StreamUpdate::Item(found, _) => output::try_line(&line(&found)),
        StreamUpdate::Gap(gap) => remark(&printable(&gap.message)),
        StreamUpdate::Lost => remark(&format!("lost the connection to the host at {}; reconnecting", client.url())),
        StreamUpdate::Restored => remark("reconnected to the host"),
    };
    // The pipe is closed.
    if printed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn line(line: &LogLine) -> String {
    let writer = line.generation.map_or_else(|| "host".to_owned(), |number| format!("generation {number}"));
    format!("{} {:5} {writer}: {}", utc(line.at_unix_ms), line.level, printable(&line.message))
}
