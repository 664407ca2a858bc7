//! `list`.

use host_api::{FailedLoad, PluginItem, PluginList};
use serde_json::Value;

use super::show::{generation, uptime, without_older_fields};
use super::updates::newer_text;
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::text::printable;
use crate::output::{self, Table, is_wide};

/// Lists all plugins.
pub(super) async fn list(client: &Client, as_json: bool) -> Result<(), Failure> {
    let reply = client.request(ApiRequest::get("/api/plugins")).await?;
    if as_json {
        let mut list: Value = reply.read()?;
        for (id, plugin) in list["plugins"].as_object_mut().into_iter().flatten() {
            without_older_fields(plugin);
            plugin["id"] = id.as_str().into();
        }
        output::data(list.to_string().as_bytes());
        return Ok(());
    }
    let list: PluginList = reply.read()?;
    if list.plugins.is_empty() && !list.failed_loads.is_empty() {
        failed(&list).iter().for_each(|remark| output::error_line(remark));
    } else if list.plugins.is_empty() {
        output::error_line("no plugin is installed; `plugin-host load SOURCE` installs one");
    } else {
        output::table(&list_table(&list));
        unwell(&list).iter().chain(&kept(&list)).chain(&failed(&list)).for_each(|remark| output::error_line(remark));
    }
    Ok(())
}

/// Remarks about plugins that should be running but are not.
fn unwell(list: &PluginList) -> Vec<String> {
    let remark = |(id, plugin): (&String, &PluginItem)| {
        let failed = || plugin.last_error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
        let why = match (plugin.phase.as_str(), &plugin.quarantine) {
            ("quarantined", Some(reason)) => format!("quarantined: {reason}; `plugin-host enable {id}` lifts it"),
            ("failed", _) => format!("failed and will be retried: {}", failed()),
            _ => return None,
        };
        Some(printable(&format!("{id}: {why}")))
    };
    list.plugins.iter().filter_map(remark).collect()
}

/// Remarks about plugins with ended generations that stay in memory.
fn kept(list: &PluginList) -> Vec<String> {
    let remark = |(id, plugin): (&String, &PluginItem)| {
        let n_kept = plugin.generations.iter().filter(|generation| generation.phase == "kept").count();
        let generations = if n_kept == 1 { "ended generation is" } else { "ended generations are" };
        let id = printable(id);
        (n_kept > 0).then(|| format!("{id}: {n_kept} {generations} kept in memory; `plugin-host show {id}` shows why"))
    };
    list.plugins.iter().filter_map(remark).collect()
}

/// Remarks about plugins whose first installation failed.
fn failed(list: &PluginList) -> Vec<String> {
    let remark = |FailedLoad { id, job, message, .. }: &FailedLoad| {
        let message = message.lines().next().unwrap_or_default();
        printable(&format!(
            "{id}: not installed: {message}; `plugin-host job retry {job}` tries again, `plugin-host unload {id}` dismisses it"
        ))
    };
    list.failed_loads.iter().map(remark).collect()
}

fn list_table(list: &PluginList) -> Table {
    let mut table = Table::with_head([
        "ID",
        "VERSION",
        "UPDATE",
        "STATE",
        "HEALTH",
        "GENERATION",
        "REQUESTS",
        "ERRORS",
        "UPTIME",
        "SOURCE",
    ]);
    table = table.only_wide(&["GENERATION", "REQUESTS", "ERRORS"]).flexible(&["SOURCE", "UPDATE"]);
    for (id, plugin) in &list.plugins {
        let PluginItem { status, .. } = plugin;
        table.row([
            id,
            &plugin.metadata.version,
            &plugin.update_available.as_ref().map_or_else(|| "-".to_owned(), newer_text),
            &state(plugin.goal.as_deref().unwrap_or("-"), &plugin.phase),
            &status.health,
            &generation(plugin.generation),
            &status.request_count.to_string(),
            &status.error_count.to_string(),
            &uptime(plugin),
            &plugin.source,
        ]);
    }
    table
}

/// Formats goal and phase: both if the table is wide or they differ, otherwise one word.
fn state(goal: &str, phase: &str) -> String {
    match (goal, phase) {
        ("disabled" | "stopped" | "installed", "stopped") if !is_wide() => goal.to_owned(),
        ("-", phase) => phase.to_owned(),
        (goal, phase) if goal == phase && !is_wide() => phase.to_owned(),
        (goal, phase) => format!("{goal}/{phase}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::Generation;

    use super::super::show::tests::plugin;
    use super::*;

    #[test]
    fn each_plugin_is_a_table_row() {
        let stopped = PluginItem {
            phase: "stopped".to_owned(),
            goal: Some("disabled".to_owned()),
            update_available: None,
            generation: None,
            ..plugin().item
        };
        let plugins = [("hello".to_owned(), plugin().item), ("other".to_owned(), stopped)].into();
        expect![[r#"
            ID     VERSION  UPDATE  STATE     HEALTH   GENERATION  REQUESTS  ERRORS  UPTIME      SOURCE
            hello  1.0.0    1.3.0   running   healthy  2           12        1       1 min 15 s  https://github.com/acme/hello
            other  1.0.0    -       disabled  healthy  -           12        1       -           https://github.com/acme/hello"#]]
        .assert_eq(&list_table(&PluginList { count: 2, total: 2, plugins, ..PluginList::default() }).to_string());
    }

    #[test]
    fn failed_and_quarantined_plugins_are_listed_with_the_reason() {
        let quarantined = PluginItem {
            phase: "quarantined".to_owned(),
            quarantine: Some("it failed 3 times in a row, last with: no disk".to_owned()),
            ..plugin().item
        };
        let failed = PluginItem { phase: "failed".to_owned(), ..plugin().item };
        let plugins = [("a".to_owned(), quarantined), ("b".to_owned(), failed), ("c".to_owned(), plugin().item)];
        expect![[r#"
            a: quarantined: it failed 3 times in a row, last with: no disk; `plugin-host enable a` lifts it
            b: failed and will be retried: failed to build"#]]
        .assert_eq(
            &unwell(&PluginList { count: 3, total: 3, plugins: plugins.into(), ..PluginList::default() }).join("\n"),
        );
    }

    #[test]
    fn plugins_with_kept_generations_are_listed() {
        let kept = |numbers: std::ops::Range<u64>| {
            let phase = "kept".to_owned();
            let generations =
                numbers.map(|number| Generation { number, phase: phase.clone(), ..Generation::default() });
            let all = generations.chain(plugin().item.generations).collect();
            PluginItem { generations: all, ..plugin().item }
        };
        let plugins = [("a".to_owned(), kept(0..1)), ("b".to_owned(), kept(0..2)), ("c".to_owned(), kept(0..0))].into();
        expect![[r#"
            a: 1 ended generation is kept in memory; `plugin-host show a` shows why
            b: 2 ended generations are kept in memory; `plugin-host show b` shows why"#]]
        .assert_eq(&super::kept(&PluginList { count: 3, total: 3, plugins, ..PluginList::default() }).join("\n"));
    }

    #[test]
    fn a_failed_first_installation_is_listed_with_the_commands_that_retry_and_dismiss_it() {
        let load = FailedLoad {
            id: "hello".to_owned(),
            job: "job_1".to_owned(),
            message: "failed to build\u{1b}[31m\nerror: …".to_owned(),
            ..FailedLoad::default()
        };
        expect![[r#"
            hello: not installed: failed to build\u{1b}[31m; `plugin-host job retry job_1` tries again, `plugin-host unload hello` dismisses it"#]]
        .assert_eq(&failed(&PluginList { failed_loads: vec![load], ..PluginList::default() }).join("\n"));
    }
}
