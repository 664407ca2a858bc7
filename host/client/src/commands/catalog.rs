//! `available`, `validate` and `cache`.

use host_api::{Available, CacheCleared, CacheInfo, ValidationReport};
use http::Method;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::load;
use crate::args;
use crate::args::CacheCommand;
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::text::{bytes, printable, utc};
use crate::output::{self, Table};

/// Lists the plugins in the host's indexes.
pub(super) async fn available(client: &Client, args: &args::Available) -> Result<(), Failure> {
    let mut query = Serializer::new(String::new());
    if args.refresh {
        query.append_pair("refresh", "true");
    }
    if let Some(tag) = &args.tag {
        query.append_pair("tag", tag);
    }
    let reply = client.request(ApiRequest::get(format!("/api/plugins/available?{}", query.finish()))).await?;
    if args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let indexes: host_api::IndexList = client.request(ApiRequest::get("/api/plugins/indexes")).await?.read()?;
    for index in &indexes.indexes {
        if let Some(error) = &index.error {
            output::error_line(&printable(&format!("failed to read index {}: {error}", index.place)));
        }
        for refused in &index.refused {
            let line = format!("{}: `{}` is skipped: {}", index.place, refused.pointer, refused.message);
            output::error_line(&printable(&line));
        }
    }
    let items: Vec<Available> = reply.read()?;
    match (items.is_empty(), indexes.indexes.is_empty()) {
        (true, true) => output::error_line("no index is configured; set `indexes` in host.toml"),
        (true, false) => output::error_line("the indexes list no matching plugin"),
        (false, _) => output::table(&table(&items)),
    }
    Ok(())
}

/// Checks a source without installing it.
pub(super) async fn validate(client: &Client, args: &args::Validate) -> Result<(), Failure> {
    let pattern = args.tag_pattern.as_ref().map(ToString::to_string);
    let path = args.path.as_ref().map(ToString::to_string);
    let source = load::named(&args.source)?;
    let body = json!({ "source": source, "version": args.version, "path": path, "tag_pattern": pattern });
    let reply = client.request(ApiRequest::post("/api/plugins/validate").json(&body)).await?;
    let validated: ValidationReport = reply.read()?;
    if args.client.format.is_data() {
        output::data(&reply.body);
    } else {
        for warning in &validated.warnings {
            output::error_line(&printable(&format!("warning: {warning}")));
        }
        if validated.valid {
            let way = match (validated.way.as_deref(), &validated.library) {
                (Some("library"), Some(library)) => format!(
                    "; its library {} ({}, ABI {}, SDK {}, {}) is used without a build; its code was not run, and its routes are compared with plugin.yaml by `load`",
                    library.file, library.package, library.abi, library.sdk, library.arch
                ),
                (Some("library"), None) => "; its library is used without a build".to_owned(),
                (Some("cached"), _) => "; it is already built".to_owned(),
                _ => "; compilation was not checked".to_owned(),
            };
            output::line(&printable(&format!("{}{way}", validated.message)));
        }
    }
    if validated.valid {
        return Ok(());
    }
    let details = validated.errors.iter().map(|error| printable(error)).collect();
    Err(Failure {
        details,
        fix: validated.fix.as_deref().map(printable),
        ..Failure::failed("the source cannot be installed")
    })
}

/// Shows or clears the build cache.
pub(super) async fn cache(client: &Client, word: &CacheCommand) -> Result<(), Failure> {
    let (ask, as_json) = match word {
        CacheCommand::Info(args) => (ApiRequest::get("/api/plugins/cache/info"), args.format.is_data()),
        CacheCommand::Clear(args) => (ApiRequest::new(Method::DELETE, "/api/plugins/cache"), args.format.is_data()),
    };
    let reply = client.request(ask).await?;
    match word {
        _ if as_json => output::data(&reply.body),
        CacheCommand::Info(_) => output::table(&sheet(&reply.read()?)),
        CacheCommand::Clear(_) => output::line(&printable(&reply.read::<CacheCleared>()?.message)),
    }
    Ok(())
}

fn table(items: &[Available]) -> Table {
    let mut table = Table::with_head(["ID", "LATEST", "INSTALLED", "REPOSITORY", "DESCRIPTION"]);
    table = table.flexible(&["DESCRIPTION", "REPOSITORY"]);
    for item in items {
        let installed = match (&item.installed_version, &item.newer_version) {
            (None, _) => "-".to_owned(),
            (Some(version), None) => version.clone(),
            (Some(version), Some(_)) => format!("{version} (outdated)"),
        };
        let description: String = item.description.chars().take(60).collect();
        table.row([&item.id, &item.latest_version, &installed, &item.repository, &description]);
    }
    table
}

fn sheet(info: &CacheInfo) -> Table {
    let mut sheet = Table::new();
    let last = info
        .last_cleanup_unix_ms
        .map_or("never".to_owned(), |at| utc(at).split('.').next().unwrap_or_default().to_owned());
    let built = format!("{} of {} reused from the cache", info.hits, info.builds);
    sheet.row(["build cache", &format!("{}, at most {}", bytes(info.total_bytes), bytes(info.max_bytes))]);
    sheet.row(["builds", &format!("{built}, {} entries", info.num_entries)]);
    sheet.row(["artifacts", &format!("{}, {}", info.artifacts, bytes(info.artifact_bytes))]);
    sheet.row(["source trees", &format!("{}, {}", info.trees, bytes(info.tree_bytes))]);
    sheet.row(["last cleanup", &last]);
    sheet
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_available_plugin_is_a_table_row() {
        let item = |id: &str, installed: Option<&str>, newer: Option<&str>| Available {
            id: id.to_owned(),
            latest_version: "1.2.0".to_owned(),
            repository: format!("https://github.com/acme/{id}"),
            description: "Greets\u{1b}[31m".to_owned(),
            installed_version: installed.map(str::to_owned),
            newer_version: newer.map(str::to_owned),
            ..Available::default()
        };
        let items =
            [item("hello", None, None), item("same", Some("1.2.0"), None), item("older", Some("1.0.0"), Some("1.2.0"))];
        expect![[r#"
            ID     LATEST  INSTALLED         REPOSITORY                     DESCRIPTION
            hello  1.2.0   -                 https://github.com/acme/hello  Greets\u{1b}[31m
            same   1.2.0   1.2.0             https://github.com/acme/same   Greets\u{1b}[31m
            older  1.2.0   1.0.0 (outdated)  https://github.com/acme/older  Greets\u{1b}[31m"#]]
        .assert_eq(&table(&items).to_string());
    }

    #[test]
    fn cache_info_is_a_table() {
        let info = CacheInfo {
            total_bytes: 5 << 20,
            max_bytes: 20 << 20,
            builds: 4,
            hits: 1,
            num_entries: 3,
            artifacts: 2,
            artifact_bytes: 4_200,
            ..CacheInfo::default()
        };
        expect![[r#"
            build cache   5.0 MiB, at most 20.0 MiB
            builds        1 of 4 reused from the cache, 3 entries
            artifacts     2, 4.1 KiB
            source trees  0, 0 bytes
            last cleanup  never"#]]
        .assert_eq(&sheet(&info).to_string());
    }
}
