//! `logs`.

use std::ops::ControlFlow;

use host_api::{LogLine, LogLines};

use super::route;
use crate::args::Logs;
use crate::client::{Ask, Client, Told};
use crate::failure::Failure;
use crate::output;
use crate::output::text::{printable, utc};

/// Shows log lines and follows new ones.
pub(super) async fn logs(client: &Client, args: &Logs) -> Result<(), Failure> {
    let query = args.level.as_ref().map(|level| format!("?level={level}")).unwrap_or_default();
    let place = route(&args.id, &format!("/logs{query}"));
    if args.follow {
        return client.follow_stream(&place, None, |told| tell(client, told, args.client.json)).await;
    }
    let reply = client.ask(Ask::get(place)).await?;
    if args.client.json {
        output::raw(&reply.body);
        return Ok(());
    }
    let log: LogLines = reply.read()?;
    if log.lines.is_empty() {
        output::error_line("the plugin's log is empty");
    }
    log.lines.iter().for_each(|found| output::line(&line(found)));
    Ok(())
}

fn tell(client: &Client, told: Told<LogLine>, as_json: bool) -> ControlFlow<()> {
    let remark = |text: &str| {
        output::error_line(text);
        Ok(())
    };
    let taken = match told {
        Told::One(_, data) if as_json => output::try_line(&data),
        Told::One(found, _) => output::try_line(&line(&found)),
        Told::Gap(gap) => remark(&printable(&gap.message)),
        Told::Lost => remark(&format!("lost the connection to the host at {}; reconnecting", client.url())),
        Told::Back => remark("reconnected to the host"),
    };
    // The pipe is closed.
    if taken.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn line(line: &LogLine) -> String {
    let writer = line.generation.map_or_else(|| "host".to_owned(), |number| format!("generation {number}"));
    format!("{} {:5} {writer}: {}", utc(line.at_unix_ms), line.level, printable(&line.message))
}
