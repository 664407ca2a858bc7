//! `load` and `reload`: long operations, shown while they go on.

use std::path::Path;

use host_api::{Asked, LoadRequest, Plugin};
use host_core::Source;

use super::route;
use crate::client::{Ask, Client, Watched};
use crate::failure::Failure;
use crate::output::text::{duration, printable};
use crate::output::{self, Table};
use crate::screen::Screen;
use crate::words::{Load, Reload};

/// Installs what a source holds.
pub(super) async fn load(client: &Client, words: Load, screen: &Screen) -> Result<(), Failure> {
    if words.version.is_some() && !matches!(words.source, Source::Git { .. }) {
        let failure = Failure::usage("--version chooses a branch, tag or commit of a git address");
        return Err(failure.because(format!("`{}` is none", words.source)).fix("leave it out"));
    }
    let source = absolute(&words.source)?;
    let what = format!("loading {source}");
    let config: serde_json::Map<_, _> = words.set.into_iter().collect();
    let config = (!config.is_empty()).then_some(config);
    let watched = match &source {
        // The host needs no access to a file that is sent to it.
        Source::Archive(path) if path.is_file() => {
            let upload = client.upload(path).await?;
            let install = Ask::post(format!("/api/plugins/install/{upload}"));
            let install = install.json(&serde_json::json!({ "config": config }));
            client.watch_or_leave(install, &what, screen, words.verbose).await?
        }
        _ => {
            let load = LoadRequest { source: source.to_string(), version: words.version, config, start: None };
            client.watch_or_leave(Ask::post("/api/plugins/load").json(&load), &what, screen, words.verbose).await?
        }
    };
    tell(client, watched, words.client.json).await
}

/// Replaces what serves by what the same source holds now.
pub(super) async fn reload(client: &Client, words: Reload, screen: &Screen) -> Result<(), Failure> {
    let what = format!("reloading {}", words.id);
    let watched = client.watch_or_leave(Ask::post(route(&words.id, "/reload")), &what, screen, words.verbose).await?;
    tell(client, watched, words.client.json).await
}

/// The source with an absolute path: the host has another working folder.
fn absolute(source: &Source) -> Result<Source, Failure> {
    let absolute = |path: &Path| {
        let unknown = |error| Failure::of(format!("failed to find out where `{}` is", path.display()), &error);
        // Where it exists, without links and dots, as the host compares it with its source roots.
        std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).map_err(unknown)
    };
    Ok(match source {
        Source::Folder(path) => Source::Folder(absolute(path)?),
        Source::Archive(path) => Source::Archive(absolute(path)?),
        // The link itself is refused by the host, so it must see it.
        Source::Library(path) => Source::Library(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        source => source.clone(),
    })
}

/// Says what serves now, and how to call it.
pub(super) async fn tell(client: &Client, watched: Watched, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::raw(&watched.result);
        return Ok(());
    }
    let Some(asked) = watched.job.result else {
        return Err(Failure::failed(format!("job `{}` ended without a result", watched.job.id)));
    };
    output::line(&receipt(&asked));
    for warning in &asked.warnings {
        output::error_line(&format!("warning: {}", printable(warning)));
    }
    // What was asked for is done; a host that goes away now changes nothing of that.
    let shown = client.ask(Ask::get(format!("/api/plugins/{}", asked.id))).await.and_then(|reply| reply.read());
    if let Ok(Plugin { plugin, .. }) = shown
        && let Some(route) =
            plugin.routes.iter().find(|route| route.method == "GET" && !route.path.contains([':', '*', '{']))
    {
        output::error_line(&format!("\ntry: curl {}{}", client.url(), route.path));
    }
    Ok(())
}

fn receipt(asked: &Asked) -> String {
    let mut facts = Table::new();
    facts.row(["plugin", &format!("{} {}", asked.id, asked.version)]);
    facts.row(["source", &asked.source]);
    match (asked.generation_before, asked.generation) {
        (Some(before), Some(now)) => facts.row(["generation", &format!("{now}, was {before}")]),
        (None, Some(now)) => facts.row(["generation", &now.to_string()]),
        (_, None) => {}
    }
    match asked.cached {
        Some(true) => facts.row(["library", "from the build cache"]),
        Some(false) => facts.row(["library", "built"]),
        None => {}
    }
    let steps: Vec<_> =
        asked.steps.iter().map(|step| format!("{} {}", step.step, duration(step.duration_ms))).collect();
    facts.row(["steps", &steps.join(", ")]);
    facts.to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_api::Step;

    use super::*;

    #[test]
    fn a_receipt_tells_what_serves_and_what_took_how_long() {
        let step = |step: &str, duration_ms| Step { step: step.to_owned(), duration_ms };
        let mut asked = Asked {
            id: "hello".to_owned(),
            version: "1.0.0".to_owned(),
            source: "/srv/hello".to_owned(),
            generation: Some(1),
            cached: Some(false),
            steps: vec![step("fetch", 1.6), step("build", 12_340.0), step("swap", 0.01)],
            ..Asked::default()
        };
        expect![[r#"
            plugin      hello 1.0.0
            source      /srv/hello
            generation  1
            library     built
            steps       fetch 1.6 ms, build 12.3 s, swap 10 us"#]]
        .assert_eq(&receipt(&asked));
        asked.generation_before = Some(1);
        asked.generation = Some(2);
        asked.cached = Some(true);
        expect![[r#"
            plugin      hello 1.0.0
            source      /srv/hello
            generation  2, was 1
            library     from the build cache
            steps       fetch 1.6 ms, build 12.3 s, swap 10 us"#]]
        .assert_eq(&receipt(&asked));
    }
}
