//! Formats a plan: one line per change.

use std::time::Duration;

use host_api::{Plan, PlannedPlugin, PlannedVersion, SettingChange, UpdatePolicy};
use host_core::Span;
use serde_json::Value;

/// Maximum length of a displayed value.
const MAX_VALUE_CHARS: usize = 60;

/// Formats one line per change: `+` for additions, `~` for changes, `-` for removals.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    plan.plugins.iter().flat_map(of_plugin).collect()
}

/// Summarizes the number of changes.
pub(super) fn summary(plan: &Plan) -> String {
    let n_same = plan.plugins.len() - plan.changing;
    match (plan.changing, n_same) {
        (0, _) => "no changes".to_owned(),
        (n, 0) => format!("plugins to change: {n}"),
        (n, n_same) => format!("plugins to change: {n}; unchanged: {n_same}"),
    }
}

fn of_plugin(plugin: &PlannedPlugin) -> Vec<String> {
    let id = &plugin.id;
    let mut lines = vec![];
    let affects = match plugin.dependants.as_slice() {
        [] => String::new(),
        dependants => format!("; dependants: {}", dependants.join(", ")),
    };
    let made = match plugin.build.as_deref() {
        Some("build") => ", to be built",
        Some("cached") => ", already built",
        _ => "",
    };
    match (&plugin.before, &plugin.after) {
        (None, Some(after)) => lines.push(format!("+ {id}: install {}{made}", version(after))),
        (Some(before), Some(after)) if before == after => {
            lines.push(format!("~ {id}: replace with another build of {}{made}{affects}", version(after)));
        }
        (Some(before), Some(after)) => {
            lines.push(format!("~ {id}: replace {} with {}{made}{affects}", version(before), version(after)));
        }
        (Some(before), None) => lines.push(format!("- {id}: unload {} and keep its data{affects}", version(before))),
        (None, None) => {}
    }
    lines.extend(plugin.new_permissions.iter().map(|permission| format!("+ {id}: permission {permission}")));
    lines.extend(plugin.configuration.iter().map(|change| setting(id, change)));
    if let Some(goal) = &plugin.goal {
        let affects = if plugin.after.is_none() { affects.as_str() } else { "" };
        lines.push(match &goal.before {
            Some(before) => format!("~ {id}: {before} -> {}{affects}", goal.after),
            None => format!("+ {id}: {}", goal.after),
        });
    }
    if let Some(update) = &plugin.update {
        lines.push(format!("~ {id}: updates: {} -> {}", policy(&update.before), policy(&update.after)));
    }
    lines.extend(plugin.warnings.iter().map(|warning| format!("  {id}: warning: {warning}")));
    lines
}

fn version(version: &PlannedVersion) -> String {
    let commit = version.commit.iter().map(|commit| format!(" at {}", commit.chars().take(12).collect::<String>()));
    format!("{} from {}{}", version.version, version.source, commit.collect::<String>())
}

fn setting(id: &str, change: &SettingChange) -> String {
    let pointer = &change.pointer;
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("+ {id}: {pointer}: {}", value(after)),
        (Some(before), None) => format!("- {id}: {pointer}: {}", value(before)),
        (Some(before), Some(after)) => format!("~ {id}: {pointer}: {} -> {}", value(before), value(after)),
        (None, None) => format!("~ {id}: {pointer}"),
    }
}

fn value(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn policy(policy: &UpdatePolicy) -> String {
    let automatic = if policy.automatic { ", automatic" } else { "" };
    let blocked = match policy.blocked.as_slice() {
        [] => String::new(),
        blocked => format!(", without {}", blocked.join(" ")),
    };
    let every = Span::new(Duration::from_secs(policy.interval_seconds));
    format!("{}{automatic}, every {every}{blocked}", policy.policy)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::{GoalChange, RuleChange};
    use serde_json::json;

    use super::*;

    #[test]
    fn each_change_is_one_line() {
        let at = |version: &str, source: &str, commit: Option<&str>| {
            let version = version.to_owned();
            let source = source.to_owned();
            Some(PlannedVersion { version, source, commit: commit.map(str::to_owned) })
        };
        let named = |id: &str| PlannedPlugin { id: id.to_owned(), ..PlannedPlugin::default() };
        let change = |pointer: &str, before: Option<Value>, after: Option<Value>| SettingChange {
            pointer: pointer.to_owned(),
            before,
            after,
        };
        let goal = |before: Option<&str>, after: &str| {
            Some(GoalChange { before: before.map(str::to_owned), after: after.to_owned() })
        };
        let policy = |policy: &str| UpdatePolicy {
            policy: policy.to_owned(),
            interval_seconds: 3600,
            ..UpdatePolicy::default()
        };
        let plan = Plan {
            changing: 5,
            plugins: vec![
                named("same"),
                PlannedPlugin {
                    after: at("1.2.0", "https://github.com/acme/new-one@v1.2.0", Some("0123456789abcdef")),
                    build: Some("build".to_owned()),
                    new_permissions: vec!["kv.read".to_owned()],
                    configuration: vec![change("/password", None, Some(json!("********")))],
                    goal: goal(None, "running"),
                    ..named("new-one")
                },
                PlannedPlugin {
                    before: at("1.0.0", "/srv/shop", None),
                    after: at("1.1.0", "/srv/shop", None),
                    build: Some("cached".to_owned()),
                    configuration: vec![
                        change("/gone", Some(json!(1)), None),
                        change("/greeting", Some(json!("Hi")), Some(json!("x".repeat(100)))),
                    ],
                    goal: goal(Some("disabled"), "running"),
                    dependants: vec!["mall".to_owned(), "bank".to_owned()],
                    warnings: vec!["plugin.yaml: `author` is missing".to_owned()],
                    ..named("shop")
                },
                PlannedPlugin {
                    before: at("1.0.0", "/srv/log", None),
                    after: at("1.0.0", "/srv/log", None),
                    build: Some("library".to_owned()),
                    ..named("log")
                },
                PlannedPlugin {
                    goal: goal(Some("running"), "disabled"),
                    update: Some(RuleChange {
                        before: policy("minor"),
                        after: UpdatePolicy { automatic: true, blocked: vec!["1.3.0".to_owned()], ..policy("patch") },
                    }),
                    dependants: vec!["mall".to_owned()],
                    ..named("bank")
                },
                PlannedPlugin { before: at("2.0.0", "/srv/old", None), ..named("old") },
            ],
            ..Plan::default()
        };
        let shown = lines(&plan).join("\n") + "\n" + &summary(&plan) + "\n";
        expect![[r#"
            + new-one: install 1.2.0 from https://github.com/acme/new-one@v1.2.0 at 0123456789ab, to be built
            + new-one: permission kv.read
            + new-one: /password: "********"
            + new-one: running
            ~ shop: replace 1.0.0 from /srv/shop with 1.1.0 from /srv/shop, already built; dependants: mall, bank
            - shop: /gone: 1
            ~ shop: /greeting: "Hi" -> "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            ~ shop: disabled -> running
              shop: warning: plugin.yaml: `author` is missing
            ~ log: replace with another build of 1.0.0 from /srv/log
            ~ bank: running -> disabled; dependants: mall
            ~ bank: updates: minor, every 1 h -> patch, automatic, every 1 h, without 1.3.0
            - old: unload 2.0.0 from /srv/old and keep its data
            plugins to change: 5; unchanged: 1
        "#]]
        .assert_eq(&shown);
        let nothing = Plan { plugins: vec![named("same")], ..Plan::default() };
        assert_eq!((lines(&nothing).len(), &*summary(&nothing)), (0, "no changes"));
    }
}
