//! `rollback`, `revisions`, `diff` and `restore`.

use std::fmt::Write as _;

use host_api::{Revision, RevisionChange, RevisionDiff, RevisionList};
use serde_json::{Value, json};

use super::{change, route};
use crate::args;
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::text::{moment, printable};
use crate::output::{self, Table};
use crate::screen::Screen;

/// Rolls a plugin back to a stored version.
pub(super) async fn rollback(client: &Client, args: &args::Rollback, screen: &Screen) -> Result<(), Failure> {
    let args::Rollback { change: args, to } = args;
    let path = args.options.path(&route(&args.plugin.id, "/rollback"), &[]);
    change::change(client, ApiRequest::post(path).json(&json!({ "to": to })), args, screen).await
}

/// Restores the desired state of an earlier revision.
pub(super) async fn restore(client: &Client, args: &args::Restore, screen: &Screen) -> Result<(), Failure> {
    let args::Restore { change: args, number } = args;
    let path = route(&args.plugin.id, &format!("/revisions/{number}/restore"));
    change::change(client, ApiRequest::post(args.options.path(&path, &[])), args, screen).await
}

/// Lists revisions, newest first.
pub(super) async fn revisions(client: &Client, args: &args::Revisions) -> Result<(), Failure> {
    let mut path = match &args.id {
        Some(id) => route(id, "/revisions"),
        None => "/api/plugins/revisions".to_owned(),
    };
    // Writing to a string does not fail.
    let _ = write!(path, "?limit={}", args.limit);
    if let Some(before) = args.before {
        let _ = write!(path, "&before={before}");
    }
    let reply = client.request(ApiRequest::get(path)).await?;
    if args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let list: RevisionList = reply.read()?;
    if list.revisions.is_empty() {
        output::error_line("no revision matches");
        return Ok(());
    }
    output::table(&table(&list.revisions));
    if let Some(next) = list.next {
        output::error_line(&format!("use --before {next} to show older revisions"));
    }
    Ok(())
}

/// Compares two revisions.
pub(super) async fn diff(client: &Client, args: &args::Diff) -> Result<(), Failure> {
    let mut path = route(&args.plugin.id, &format!("/revisions/{}/diff", args.number));
    if let Some(with) = args.with {
        let _ = write!(path, "?with={with}");
    }
    let reply = client.request(ApiRequest::get(path)).await?;
    if args.plugin.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let diff: RevisionDiff = reply.read()?;
    let between = match diff.from {
        Some(from) => format!("from revision {from} to {}", diff.to),
        None => format!("revision {}, the first", diff.to),
    };
    if diff.changes.is_empty() {
        output::error_line(&format!("{between}: no differences"));
    } else {
        output::error_line(&between);
        output::line(&lines(&diff.changes));
    }
    Ok(())
}

fn table(revisions: &[Revision]) -> Table {
    let mut table = Table::with_head([
        "REVISION",
        "TIME (UTC)",
        "PLUGIN",
        "OPERATION",
        "BY",
        "GOAL",
        "VERSION",
        "CHANGED",
        "REASON",
    ]);
    table = table.only_wide(&["GOAL"]).flexible(&["REASON", "CHANGED"]);
    for revision in revisions {
        table.row([
            &revision.number.to_string(),
            &moment(revision.at_unix_ms),
            &revision.plugin,
            &revision.operation,
            &revision.actor,
            revision.goal.as_deref().unwrap_or("removed"),
            revision.version.as_deref().unwrap_or("-"),
            &changed(&revision.changes),
            revision.reason.as_deref().unwrap_or_default(),
        ]);
    }
    table
}

/// Summarizes the changed fields.
fn changed(changes: &[RevisionChange]) -> String {
    let mut fields: Vec<_> = changes.iter().filter_map(|change| change.pointer.split('/').nth(1)).collect();
    fields.dedup();
    match fields.as_slice() {
        [] => "-".to_owned(),
        fields if fields.len() > 4 => "all".to_owned(),
        fields => fields.join(", "),
    }
}

/// Formats one line per difference, with JSON values.
fn lines(changes: &[RevisionChange]) -> String {
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    let line = |RevisionChange { pointer, before, after }: &RevisionChange| {
        printable(&format!("{pointer}: {} -> {}", value(before), value(after)))
    };
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn change(pointer: &str, before: Option<Value>, after: Option<Value>) -> RevisionChange {
        RevisionChange { pointer: pointer.to_owned(), before, after }
    }

    #[test]
    fn each_difference_is_one_line() {
        let changes = [
            change("/configuration/greeting", None, Some(json!("Hé\u{1b}"))),
            change("/goal", Some(json!("running")), Some(json!("stopped"))),
            change("/quarantine", Some(Value::Null), None),
        ];
        expect![[r#"
            /configuration/greeting: nothing -> "Hé\u001b"
            /goal: "running" -> "stopped"
            /quarantine: null -> nothing"#]]
        .assert_eq(&lines(&changes));
    }

    #[test]
    fn each_revision_is_a_table_row() {
        let revision = Revision {
            number: 7,
            plugin: "hello".to_owned(),
            at_unix_ms: 951_782_400_123,
            actor: "operator".to_owned(),
            operation: "configure".to_owned(),
            reason: Some("a new day".to_owned()),
            goal: Some("running".to_owned()),
            version: Some("1.0.0".to_owned()),
            changes: vec![
                change("/configuration/a", None, Some(json!(1))),
                change("/configuration/b", None, Some(json!(1))),
                change("/goal", Some(json!("stopped")), Some(json!("running"))),
            ],
            desired: None,
        };
        let gone = Revision {
            number: 8,
            operation: "unload".to_owned(),
            reason: None,
            goal: None,
            version: None,
            changes: ["a", "b", "c", "d", "e"].map(|key| change(&format!("/{key}"), Some(json!(1)), None)).into(),
            ..revision.clone()
        };
        expect![[r#"
            REVISION  TIME (UTC)   PLUGIN  OPERATION  BY        GOAL     VERSION  CHANGED              REASON
            8         02-29 00:00  hello   unload     operator  removed  -        all
            7         02-29 00:00  hello   configure  operator  running  1.0.0    configuration, goal  a new day"#]]
        .assert_eq(&table(&[gone, revision]).to_string());
    }
}
