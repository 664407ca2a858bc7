//! `updates`, `update`, `update-policy`, `pin`, `unpin`, `block` and `unblock`.

use std::time::Duration;

use host_api::{PluginList, Update, UpdatePolicy, UpdatePolicyRequest, UpdateReport, Updates};
use host_core::update::UpdateLevel;
use host_core::{PluginId, Span};
use http::Method;
use serde_json::{Value, json};

use super::{change, load, route};
use crate::args;
use crate::args::{Block, ChangeArgs, SetPolicy};
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::text::{moment, printable, utc};
use crate::output::{self, Table};
use crate::screen::Screen;

/// Shows available updates: of one plugin, or of all plugins installed from a repository.
pub(super) async fn updates(client: &Client, args: &args::Updates) -> Result<(), Failure> {
    let query = if args.check { "?check=true" } else { "" };
    if let Some(id) = &args.id {
        let reply = client.request(ApiRequest::get(route(id, &format!("/updates{query}")))).await?;
        if args.client.format.is_data() {
            output::data(&reply.body)
        } else {
            output::line(&sheet(&reply.read()?))
        }
        return Ok(());
    }
    let list: PluginList = client.request(ApiRequest::get("/api/plugins")).await?.read()?;
    let mut all = vec![];
    let mut as_they_are = vec![];
    for (id, plugin) in &list.plugins {
        let Ok(id) = id.parse::<PluginId>() else { continue };
        if is_from_repository(&plugin.source) {
            let reply = client.request(ApiRequest::get(route(&id, &format!("/updates{query}")))).await?;
            as_they_are.push(reply.read::<Value>()?);
            all.push((plugin.metadata.version.clone(), reply.read::<Updates>()?));
        }
    }
    if args.client.format.is_data() {
        output::data(Value::from(as_they_are).to_string().as_bytes());
    } else if all.is_empty() {
        output::error_line("no plugin is installed from a repository");
    } else {
        output::table(&table(&all));
    }
    Ok(())
}

/// Updates a plugin.
pub(super) async fn update(client: &Client, args: &args::Update, screen: &Screen) -> Result<(), Failure> {
    let args::Update { change: args, version, verbose } = args;
    let id = &args.plugin.id;
    let ask = ApiRequest::post(args.options.path(&route(id, "/update"), &[])).json(&json!({ "version": version }));
    let watched = client.watch_or_leave(ask, &format!("updating {id}"), screen, *verbose).await?;
    let is_same = watched.job.result.as_ref().is_some_and(|asked| asked.generation == asked.generation_before);
    if is_same {
        change::print_result(watched, args.plugin.client.format.is_data())
    } else {
        load::print_result(client, watched, args.plugin.client.format.is_data()).await
    }
}

/// Sets the update policy. Options that are not given keep their values.
pub(super) async fn set_policy(client: &Client, args: &SetPolicy, screen: &Screen) -> Result<(), Failure> {
    let before = current_policy(client, &args.change.plugin.id).await?;
    let stays_automatic = before.automatic && !args.manual_only && args.policy.takes_any();
    let asked = UpdatePolicyRequest {
        policy: args.policy.to_string(),
        automatic: args.automatic || stays_automatic,
        interval_seconds: Some(args.interval.map_or(before.interval_seconds, |time| time.duration().as_secs())),
        blocked: None,
        tag_pattern: args.tag_pattern.clone(),
    };
    put(client, &args.change, &asked, screen).await
}

/// Pins a plugin to its version.
pub(super) async fn pin(client: &Client, args: &ChangeArgs, screen: &Screen) -> Result<(), Failure> {
    follow(client, args, UpdateLevel::Pinned, screen).await
}

/// Unpins a plugin.
pub(super) async fn unpin(client: &Client, args: &ChangeArgs, screen: &Screen) -> Result<(), Failure> {
    follow(client, args, UpdateLevel::Minor, screen).await
}

/// Blocks a version.
pub(super) async fn block(client: &Client, args: &Block, screen: &Screen) -> Result<(), Failure> {
    change::change(client, blocked(Method::PUT, args), &args.change, screen).await
}

/// Unblocks a version.
pub(super) async fn unblock(client: &Client, args: &Block, screen: &Screen) -> Result<(), Failure> {
    change::change(client, blocked(Method::DELETE, args), &args.change, screen).await
}

fn blocked(method: Method, args: &Block) -> ApiRequest {
    let path = route(&args.change.plugin.id, &format!("/blocked/{}", args.version));
    ApiRequest::new(method, args.change.options.path(&path, &[]))
}

async fn follow(client: &Client, args: &ChangeArgs, level: UpdateLevel, screen: &Screen) -> Result<(), Failure> {
    let interval_seconds = Some(current_policy(client, &args.plugin.id).await?.interval_seconds);
    let policy = level.to_string();
    put(client, args, &UpdatePolicyRequest { policy, interval_seconds, ..UpdatePolicyRequest::default() }, screen).await
}

async fn put(client: &Client, args: &ChangeArgs, asked: &UpdatePolicyRequest, screen: &Screen) -> Result<(), Failure> {
    let path = args.options.path(&route(&args.plugin.id, "/update-policy"), &[]);
    change::change(client, ApiRequest::new(Method::PUT, path).json(asked), args, screen).await
}

async fn current_policy(client: &Client, id: &PluginId) -> Result<UpdatePolicy, Failure> {
    Ok(client.request(ApiRequest::get(route(id, "/updates"))).await?.read::<Updates>()?.update_policy)
}

/// Returns whether a plugin's source is a repository: other sources have no versions.
pub(super) fn is_from_repository(source: &str) -> bool {
    source.starts_with("https://")
}

/// Describes an update policy.
pub(super) fn policy_text(policy: &UpdatePolicy) -> String {
    let mode = if policy.automatic { "automatic" } else { "manual" };
    let every = match policy.policy.as_str() {
        "pinned" => return "pinned".to_owned(),
        _ => Span::new(Duration::from_secs(policy.interval_seconds)),
    };
    format!("{}, {mode}; checked every {every}", policy.policy)
}

/// Describes an update: its version, or branch and commit.
pub(super) fn newer_text(update: &Update) -> String {
    match &update.version {
        Some(version) => version.clone(),
        None => format!("{} at {}", update.revision, update.commit.get(..12).unwrap_or(&update.commit)),
    }
}

/// Creates a table with one row per plugin and installed version.
fn table(all: &[(String, Updates)]) -> Table {
    let mut table = Table::with_head(["ID", "INSTALLED", "ALLOWED", "NEWEST", "POLICY", "CHECKED (UTC)"]);
    table = table.flexible(&["NEWEST", "ALLOWED"]);
    for (installed, updates) in all {
        let report = updates.report.as_ref();
        let shown = |update: fn(&UpdateReport) -> &Option<Update>| match report.map(update) {
            Some(Some(update)) => newer_text(update),
            _ => "-".to_owned(),
        };
        let looked = match report {
            None => "-".to_owned(),
            Some(UpdateReport { error: Some(error), .. }) => format!("failed: {}", error.code),
            Some(report) => moment(report.checked_at_unix_ms),
        };
        let policy = policy_text(&updates.update_policy);
        let policy = if output::is_wide() { &policy } else { policy.split(';').next().unwrap_or(&policy) };
        table.row([
            &updates.id,
            installed,
            &shown(|report| &report.allowed),
            &shown(|report| &report.newest),
            policy,
            &looked,
        ]);
    }
    table
}

fn sheet(updates: &Updates) -> String {
    let mut facts = Table::new();
    facts.row(["id", &updates.id]);
    facts.row(["source", &updates.source]);
    if !is_from_repository(&updates.source) {
        facts.row(["updates", "only plugins from a repository have updates; load a newer version instead"]);
        return facts.to_string();
    }
    facts.row(["policy", &policy_text(&updates.update_policy)]);
    if !updates.update_policy.blocked.is_empty() {
        facts.row(["blocked", &updates.update_policy.blocked.join(", ")]);
    }
    let Some(report) = &updates.report else {
        facts.row(["checked", "not yet; --check queries the repository now"]);
        return facts.to_string();
    };
    facts.row(["checked", &format!("{} UTC", utc(report.checked_at_unix_ms))]);
    facts.row(["installed", &report.installed]);
    let nothing = || "no newer version".to_owned();
    facts.row(["allowed", &report.allowed.as_ref().map_or_else(nothing, newer_text)]);
    facts.row(["newest", &report.newest.as_ref().map_or_else(nothing, newer_text)]);
    let mut sheet = facts.to_string();
    for held in &report.held_back {
        sheet.push('\n');
        sheet += &printable(&format!("{} is not installed: {}", held.version, held.message));
    }
    if let Some(error) = &report.error {
        sheet += &format!(
            "\n\n{}",
            printable(&format!("failed to query the repository: {} ({})", error.message, error.code))
        );
        sheet += &error.fix.as_ref().map(|fix| format!("\nfix: {}", printable(fix))).unwrap_or_default();
    }
    sheet
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::{HeldBack, UpdateFailure};

    use super::*;

    fn known() -> Updates {
        let update = |version: &str| Update {
            version: Some(version.to_owned()),
            revision: format!("v{version}"),
            commit: "c".repeat(40),
        };
        let held = |version: &str, message: &str| HeldBack {
            version: version.to_owned(),
            reason: "x".to_owned(),
            message: message.to_owned(),
        };
        Updates {
            id: "hello".to_owned(),
            source: "https://github.com/acme/hello".to_owned(),
            update_policy: UpdatePolicy {
                policy: "patch".to_owned(),
                automatic: true,
                interval_seconds: 5_400,
                blocked: vec!["1.0.3".to_owned()],
            },
            report: Some(UpdateReport {
                checked_at_unix_ms: 951_782_400_123,
                installed: "1.0.0".to_owned(),
                newest: Some(update("1.1.0")),
                allowed: Some(update("1.0.1")),
                held_back: vec![held("1.1.0", "the policy is `patch`"), held("1.0.3", "it is blocked")],
                ..UpdateReport::default()
            }),
        }
    }

    #[test]
    fn updates_are_shown_with_the_reason_for_each_skipped_version() {
        expect![[r#"
            id         hello
            source     https://github.com/acme/hello
            policy     patch, automatic; checked every 1 h 30 min
            blocked    1.0.3
            checked    2000-02-29 00:00:00.123 UTC
            installed  1.0.0
            allowed    1.0.1
            newest     1.1.0
            1.1.0 is not installed: the policy is `patch`
            1.0.3 is not installed: it is blocked"#]]
        .assert_eq(&sheet(&known()));
    }

    #[test]
    fn an_upload_has_no_update_policy() {
        let uploaded = Updates { source: "hello.zip".to_owned(), report: None, ..known() };
        expect![[r#"
            id       hello
            source   hello.zip
            updates  only plugins from a repository have updates; load a newer version instead"#]]
        .assert_eq(&sheet(&uploaded));
    }

    #[test]
    fn each_plugin_with_updates_is_a_table_row() {
        let failed = Updates {
            id: "other".to_owned(),
            update_policy: UpdatePolicy { policy: "pinned".to_owned(), ..UpdatePolicy::default() },
            report: Some(UpdateReport {
                newest: Some(Update {
                    version: None,
                    revision: "main".to_owned(),
                    commit: "0123456789abcdef".to_owned(),
                }),
                error: Some(UpdateFailure { code: "fetch_stalled".to_owned(), ..UpdateFailure::default() }),
                ..UpdateReport::default()
            }),
            ..known()
        };
        let unknown = Updates { id: "new".to_owned(), report: None, ..known() };
        expect![[r#"
            ID     INSTALLED  ALLOWED  NEWEST                POLICY            CHECKED (UTC)
            hello  1.0.0      1.0.1    1.1.0                 patch, automatic  02-29 00:00
            other  1.0.0      -        main at 0123456789ab  pinned            failed: fetch_stalled
            new    1.0.0      -        -                     patch, automatic  -"#]]
        .assert_eq(&table(&[known(), failed, unknown].map(|updates| ("1.0.0".to_owned(), updates))).to_string());
    }
}
