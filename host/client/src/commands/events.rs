//! `events`.

use std::ops::ControlFlow;

use host_api::{Event, EventGap, EventPage};
use url::form_urlencoded::Serializer;

use crate::args::Events;
use crate::client::{ApiRequest, Client, StreamUpdate};
use crate::failure::Failure;
use crate::output;
use crate::output::text::{printable, utc};

/// Number of events shown without --follow.
const NEWEST: u32 = 100;
/// Number of earlier events shown with --follow.
const NEWEST_BEFORE: u32 = 20;
/// Number of events shown with --after.
const AFTER: u32 = 1_000;

/// Shows events and follows new ones.
pub(super) async fn events(client: &Client, args: Events) -> Result<(), Failure> {
    let after = match args.after {
        Some(after) if args.follow => after,
        _ => shown(client, &args).await?.next,
    };
    if !args.follow || output::is_broken() {
        return Ok(());
    }
    let place = place(&args, &[]);
    let tell = |update: StreamUpdate<Event>| {
        let printed = match update {
            StreamUpdate::Item(_, data) if args.client.format.is_data() => output::try_data(data.as_bytes()),
            StreamUpdate::Item(event, _) => output::try_line(&line(&event)),
            StreamUpdate::Gap(gap) => remark(&printable(&gap_line(&gap))),
            StreamUpdate::Lost => remark(&format!("lost the connection to the host at {}; reconnecting", client.url())),
            StreamUpdate::Restored => remark("reconnected to the host"),
        };
        // The pipe is closed.
        if printed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    tokio::select! {
        ended = client.follow_stream(&place, Some(after), tell) => ended,
        () = output::reader_is_gone() => Ok(()),
    }
}

/// Shows stored events.
async fn shown(client: &Client, args: &Events) -> Result<EventPage, Failure> {
    let limit = match args.after {
        Some(_) => AFTER,
        None if args.follow => NEWEST_BEFORE,
        None => NEWEST,
    };
    let after = args.after.map(|after| ("after", after.to_string()));
    let parameters: Vec<_> = after.into_iter().chain([("limit", limit.to_string())]).collect();
    let reply = client.request(ApiRequest::get(place(args, &parameters)).header("accept", "application/json")).await?;
    let page: EventPage = reply.read()?;
    match (args.client.format.is_data(), args.follow) {
        (true, false) => output::data(&reply.body),
        (true, true) => page.events.iter().for_each(|event| output::data(json(event).as_bytes())),
        (false, _) => page.events.iter().for_each(|event| output::line(&line(event))),
    }
    if page.damaged > 0 {
        output::error_line(&format!("skipped events that are damaged on disk: {}", page.damaged));
    }
    if page.events.is_empty() && !args.follow {
        output::error_line("no stored event matches");
    }
    if args.after.is_some() && page.events.len() + page.damaged as usize >= AFTER as usize {
        output::error_line(&format!("`plugin-host events --after {}` shows the next events", page.next));
    }
    Ok(page)
}

fn place(args: &Events, parameters: &[(&str, String)]) -> String {
    let mut query = Serializer::new(String::new());
    if let Some(plugin) = &args.plugin {
        query.append_pair("plugin", plugin.as_str());
    }
    if let Some(kind) = &args.kind {
        query.append_pair("kind", kind);
    }
    query.extend_pairs(parameters);
    format!("/api/events?{}", query.finish())
}

fn line(event: &Event) -> String {
    let subject = event.plugin.as_deref().unwrap_or("host");
    format!("{} {}: {}", utc(event.at_unix_ms), printable(subject), printable(&event.message))
}

fn gap_line(gap: &EventGap) -> String {
    format!("events are missing: {}", gap.message)
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).expect("texts, numbers and maps with text keys serialize")
}

/// Prints a remark to standard error. A closed standard error does not end the command.
fn remark(text: &str) -> std::io::Result<()> {
    output::error_line(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_its_text() {
        let event = Event {
            plugin: Some("hello".to_owned()),
            message: "generation 2 is unhealthy, it was healthy: no\ndisk\u{1b}[31m".to_owned(),
            ..Event::default()
        };
        let expected = r"1970-01-01 00:00:00.000 hello: generation 2 is unhealthy, it was healthy: no disk\u{1b}[31m";
        assert_eq!(line(&event), expected);
        let event = Event { message: "the host is stopping".to_owned(), ..Event::default() };
        assert_eq!(line(&event), "1970-01-01 00:00:00.000 host: the host is stopping");
    }
}
