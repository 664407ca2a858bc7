//! `load` and `reload`, with progress.

use std::path::{Path, PathBuf};

use host_api::{GenerationRequests, LoadRequest, OperationResult, Plugin};
use host_core::{Source, TreePath};

use super::route;
use crate::args::{KeyValue, Load, Loadable, Reload};
use crate::client::{ApiRequest, Client, FollowedJob};
use crate::config::Pack;
use crate::failure::Failure;
use crate::output::text::{digest, duration, printable};
use crate::output::{self, Table};
use crate::screen::Screen;
use crate::signals::Signals;

/// Installs the plugin of a source.
pub(super) async fn load(client: &Client, args: Load, pack: &Pack<'_>, screen: &Screen) -> Result<(), Failure> {
    let has_versions = match &args.source {
        Loadable::Listed(_) => true,
        Loadable::Source(source) => source.is_git(),
    };
    let has_tags = matches!(&args.source, Loadable::Source(source) if source.is_git());
    let mut source = args.source;
    if let (Loadable::Source(of), Some(path)) = (&mut source, args.path.clone()) {
        let refused = |error: host_core::SourceError| Failure::usage(error.to_string());
        *of = of.clone().inside(path).map_err(refused)?;
    } else if args.path.is_some() {
        return Err(Failure::usage("--path is a folder of a repository, folder or archive").fix("remove --path"));
    }
    let (archive, folder) = match &source {
        Loadable::Source(source) => match source.place() {
            Source::Folder(path) if path.is_dir() => (None, Some((path.clone(), source.path().cloned()))),
            Source::Archive(path) if path.is_file() => (Some((path.clone(), source.path().cloned())), None),
            _ => (None, None),
        },
        Loadable::Listed(_) => (None, None),
    };
    let local = match &source {
        Loadable::Source(source) if client.is_local() => local_path(source.place()),
        _ => None,
    };
    let source = named(&source)?;
    if args.version.is_some() && !has_versions {
        let failure = Failure::usage("--version selects a branch, tag or commit and needs a git URL");
        return Err(failure.because(format!("`{source}` is not a git URL")).fix("remove --version"));
    }
    if args.tag_pattern.is_some() && !has_tags {
        let failure = Failure::usage("--tag-pattern selects the release tags of a git URL");
        return Err(failure.because(format!("`{source}` is not a git URL")).fix("remove --tag-pattern"));
    }
    let what = format!("loading {source}");
    let mut config = serde_json::Map::new();
    KeyValue::refuse_repeated(&args.set).map_err(Failure::usage)?;
    args.set.into_iter().try_for_each(|one| one.set(&mut config)).map_err(Failure::usage)?;
    let config = (!config.is_empty()).then_some(config);
    let start = args.no_start.then_some(false);
    let upload = async |path: &Path, folder: Option<TreePath>| {
        let folder = folder.map(|folder| folder.to_string());
        let upload = unless_ended(client.upload(path, folder.as_deref())).await?;
        let install = ApiRequest::post(args.options.path(&format!("/api/plugins/install/{upload}"), &[]));
        let install = install
            .json(&serde_json::json!({ "config": config, "start": start, "replace": args.replace, "path": folder }));
        client.watch_or_leave(install, &what, screen, args.verbose).await
    };
    let pack = async |(folder, path): (PathBuf, Option<TreePath>), reason: &str| {
        let archive = unless_ended(pack(folder.clone(), path.clone())).await?;
        screen.note(&format!("note: `{}` is packed and uploaded, because {reason}", folder.display()));
        upload(&archive, path).await
    };
    let watched = match (archive, folder) {
        // A local archive is uploaded, so the host needs no access to the file.
        (Some((path, folder)), _) => upload(&path, folder).await?,
        (None, Some(folder)) if !client.is_local() => pack(folder, "the host is on another machine").await?,
        (None, folder) => {
            let load = LoadRequest {
                path: None,
                source,
                version: args.version.clone(),
                tag_pattern: args.tag_pattern.as_ref().map(ToString::to_string),
                config: config.clone(),
                start,
                replace: args.replace,
            };
            let ask = ApiRequest::post(args.options.path("/api/plugins/load", &[])).json(&load);
            match (client.watch_or_leave(ask, &what, screen, args.verbose).await, folder) {
                (Err(failure), Some(folder)) if failure.code().as_deref() == Some("fetch_outside_roots") => {
                    pack(folder, "the host is not allowed to read it (`source_roots`)").await?
                }
                (Err(failure), None) if failure.code().as_deref() == Some("fetch_outside_roots") => {
                    return Err(local.and_then(|path| not_a_source(&path)).unwrap_or(failure));
                }
                (loaded, _) => loaded?,
            }
        }
    };
    print_result(client, watched, args.client.format.is_data()).await
}

/// Returns the path of a local source.
fn local_path(source: &Source) -> Option<PathBuf> {
    match source {
        Source::Folder(path) | Source::Archive(path) | Source::Library(path) => Some(path.clone()),
        _ => None,
    }
}

/// Explains why a path on this machine is not a source, if that is why the host cannot read it.
fn not_a_source(path: &Path) -> Option<Failure> {
    let shown = path.display();
    match path.metadata() {
        Err(error) => Some(
            Failure::usage(format!("`{shown}` cannot be read"))
                .because(error.to_string())
                .fix("name a folder, a `.zip` or a `.so` that exists, or an https git URL"),
        ),
        Ok(found) if !found.is_file() && !found.is_dir() => Some(
            Failure::usage(format!("`{shown}` is not a source"))
                .because(format!("it is a {}", host_file::kind(found.file_type())))
                .fix("name the plugin's folder, a `.zip` or a `.so`, or an https git URL"),
        ),
        Ok(found) if found.is_file() && !matches!(path.extension(), Some(end) if end == "zip" || end == "so") => Some(
            Failure::usage(format!("`{shown}` is not a source"))
                .because("a file that is loaded must be a `.zip` or a `.so`")
                .fix("name the plugin's folder, or pack it with `plugin-host pack`"),
        ),
        Ok(_) => None,
    }
}

/// Does `work` until a signal arrives. Signals that a command has listened for once no longer end the process.
async fn unless_ended<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut signals = Signals::new()?;
    tokio::select! {
        done = work => done,
        signal = signals.next() => Err(Failure::failed(format!("{signal}: nothing was loaded"))),
    }
}

/// Reloads a plugin from its source.
pub(super) async fn reload(client: &Client, args: Reload, screen: &Screen) -> Result<(), Failure> {
    let what = format!("reloading {}", args.id);
    let ask = ApiRequest::post(args.options.path(&route(&args.id, "/reload"), &[]));
    let watched = client.watch_or_leave(ask, &what, screen, args.verbose).await?;
    print_result(client, watched, args.client.format.is_data()).await
}

/// Returns the source as sent to the host.
pub(super) fn named(source: &Loadable) -> Result<String, Failure> {
    match source {
        Loadable::Source(source) => Ok(absolute(source)?.to_string()),
        Loadable::Listed(listed) => Ok(listed.clone()),
    }
}

/// Makes the path of a source absolute, since the host has another working folder.
fn absolute(source: &Source) -> Result<Source, Failure> {
    let absolute = |path: &Path| {
        let unknown = |error| Failure::from_error(format!("failed to resolve the path `{}`", path.display()), &error);
        // An existing path without symbolic links and dots, as the host compares it with its source roots.
        std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).map_err(unknown)
    };
    Ok(match source {
        Source::Folder(path) => Source::Folder(absolute(path)?),
        Source::Archive(path) => Source::Archive(absolute(path)?),
        // A symbolic link is not resolved, because the host refuses links.
        Source::Library(path) => Source::Library(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        Source::Inside { place, path } => {
            Source::Inside { place: Box::new(self::absolute(place)?), path: path.clone() }
        }
        source => source.clone(),
    })
}

/// Prints the result and a curl command for one of the plugin's endpoints.
pub(super) async fn print_result(client: &Client, watched: FollowedJob, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::data(&watched.result);
        return Ok(());
    }
    let Some(asked) = watched.job.result else {
        return Err(Failure::failed(format!("job `{}` ended without a result", watched.job.id)));
    };
    output::painted(&receipt(&asked));
    for warning in &asked.warnings {
        output::error_line(&format!("warning: {}", printable(warning)));
    }
    if asked.generation.is_none() {
        return Ok(());
    }
    // The operation succeeded, so a failure of this request is ignored.
    let shown =
        client.request(ApiRequest::get(format!("/api/plugins/{}", asked.id))).await.and_then(|reply| reply.read());
    if let Ok(Plugin { plugin, .. }) = shown
        && let Some(route) =
            plugin.routes.iter().find(|route| route.method == "GET" && !route.path.contains([':', '*', '{']))
    {
        output::error_line(&format!("\ntry: curl {}{}", client.url(), route.path));
    }
    if output::is_interactive() {
        let id = printable(&asked.id);
        output::error_line(&format!("next: plugin-host show {id}; plugin-host logs {id} --follow"));
    }
    Ok(())
}

fn receipt(asked: &OperationResult) -> String {
    let mut facts = Table::new();
    facts.row(["plugin", &format!("{} {}", asked.id, asked.version)]);
    facts.row(["source", &asked.source]);
    if let Some(commit) = &asked.commit {
        facts.row(["commit", &at_reference(commit, asked.reference.as_deref())]);
    }
    course(asked, &mut facts);
    facts.painted(None)
}

/// A commit with the branch or tag that led to it.
pub(super) fn at_reference(commit: &str, reference: Option<&str>) -> String {
    let named = |reference: &str| match reference.strip_prefix("refs/tags/") {
        Some(tag) => format!("tag {tag}"),
        None => format!("branch {}", reference.strip_prefix("refs/heads/").unwrap_or(reference)),
    };
    reference.map_or_else(|| digest(commit), |reference| format!("{} ({})", digest(commit), named(reference)))
}

/// Adds the generations, states and steps of an operation to a table.
pub(super) fn course(asked: &OperationResult, facts: &mut Table) {
    match (asked.generation_before, asked.generation) {
        (Some(before), Some(now)) if before != now => facts.row(["generation", &format!("{now}, previously {before}")]),
        (_, Some(now)) => facts.row(["generation", &now.to_string()]),
        (_, None) => {}
    }
    if !asked.states.is_empty() {
        facts.row(["states", &asked.states.join(", ")]);
    }
    match asked.cached {
        Some(true) => facts.row(["library", "from the build cache"]),
        Some(false) => facts.row(["library", "built"]),
        None => {}
    }
    // A first generation has served nothing yet.
    if asked.generation_before.is_some() && !asked.served.is_empty() {
        let served: Vec<_> = asked.served.iter().map(served).collect();
        facts.row(["served", &served.join("; ")]);
    }
    let steps: Vec<_> =
        asked.steps.iter().map(|step| format!("{} {}", step.step, duration(step.duration_ms))).collect();
    if !steps.is_empty() {
        facts.row(["steps", &steps.join(", ")]);
    }
}

/// Describes the requests that a generation has served.
fn served(served: &GenerationRequests) -> String {
    let GenerationRequests { generation, requests, errors, in_flight } = served;
    let errors = if *errors > 0 { format!(", {errors} failed") } else { String::new() };
    let in_flight = if *in_flight > 0 { format!(", {in_flight} in flight") } else { String::new() };
    let requests = if *requests == 1 { "1 request".to_owned() } else { format!("{requests} requests") };
    format!("generation {generation}: {requests}{errors}{in_flight}")
}

#[cfg(test)]
mod tests;
