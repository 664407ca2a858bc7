//! `plan`, `apply` and `export`.

mod bundle;
mod lines;

use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use host_api::{ApplyRequest, OperationResult};
use host_core::plugin_set::{self, PluginSet};
use host_core::{Source, plugin_set::PluginSetProblem};
use host_file::ReadError;

use crate::args::{Apply, Export, Plan};
use crate::client::{ApiRequest, Client};
use crate::config::Archives;
use crate::failure::{Exit, Failure};
use crate::input;
use crate::output;
use crate::output::text::printable;
use crate::screen::Screen;

/// Shows the changes that `apply` would make.
pub(super) async fn plan(client: &Client, args: Plan, archives: &Archives<'_>, screen: &Screen) -> Result<(), Failure> {
    let (plan, body) = ask(client, &args.file, archives, screen).await?;
    if args.client.format.is_data() {
        output::data(&body)
    } else {
        show(&plan)
    }
    if args.exit_code && plan.changing > 0 {
        Err(Failure { exit: Exit::Changes, ..Failure::failed("there are changes to apply") })
    } else {
        Ok(())
    }
}

/// Shows the changes, asks for confirmation and applies exactly these changes.
pub(super) async fn apply(
    client: &Client,
    args: Apply,
    archives: &Archives<'_>,
    screen: &Screen,
) -> Result<(), Failure> {
    let (plan, _) = ask(client, &args.file, archives, screen).await?;
    if !args.client.format.is_data() {
        show(&plan);
        if plan.changing == 0 {
            return Ok(());
        }
    }
    if !args.yes && !agrees(screen)? {
        return Err(Failure::failed("nothing was changed"));
    }
    let request = ApplyRequest { plan: plan.plan, atomic: Some(!args.best_effort) };
    let what = format!("applying `{}`", args.file.display());
    let apply = ApiRequest::post("/api/plugins/apply").json(&request);
    let watched = client.watch_or_leave(apply, &what, screen, args.verbose).await?;
    let asked = watched.job.result.unwrap_or_default();
    if args.client.format.is_data() {
        output::data(&watched.result)
    } else {
        print_parts(&asked)
    }
    let n_failed = asked.parts.iter().filter(|part| part.state != "done").count();
    match n_failed {
        0 => Ok(()),
        n => Err(Failure::failed(format!("{n} of {} changes failed", asked.parts.len()))
            .fix(format!("`plugin-host job {}` shows the details", watched.job.id))),
    }
}

/// Prints the current state as a plugins.yaml, or writes a bundle.
pub(super) async fn export(
    client: &Client,
    args: Export,
    archives: &Archives<'_>,
    screen: &Screen,
) -> Result<(), Failure> {
    if let Some(output) = args.bundle {
        return bundle::write(client, output, archives, screen).await;
    }
    let text = client.request(ApiRequest::get("/api/plugins/export")).await?.body;
    if args.client.format.is_data() {
        output::data(serde_json::json!({ "file": String::from_utf8_lossy(&text) }).to_string().as_bytes());
        return Ok(());
    }
    let Some(path) = args.file.filter(|path| path.as_os_str() != "-") else {
        output::yaml_file(&text);
        return Ok(());
    };
    let failed = |error: io::Error| {
        let failure = Failure::failed(format!("failed to write `{}`", path.display())).because(error.to_string());
        failure.fix("set --file to a path in an existing folder, or leave it out to print the file")
    };
    write(&path, &text).map_err(failed)
}

/// Requests a plan for a file.
async fn ask(
    client: &Client,
    path: &Path,
    archives: &Archives<'_>,
    screen: &Screen,
) -> Result<(host_api::Plan, bytes::Bytes), Failure> {
    let file =
        if bundle::is_bundle(path) { bundle::upload(client, path, archives, screen).await? } else { read(path)? };
    let spinner = screen.spinner(&format!("planning `{}`", path.display()), false);
    let reply = client.request(ApiRequest::post("/api/plugins/plan").yaml(plugin_set::write(&file))).await;
    drop(spinner);
    let reply = reply?;
    Ok((reply.read()?, reply.body))
}

fn show(plan: &host_api::Plan) {
    lines::lines(plan).iter().for_each(|line| output::line(&printable(line)));
    output::error_line(&lines::summary(plan));
}

fn print_parts(asked: &OperationResult) {
    for part in &asked.parts {
        let message = match (&part.result, &part.problem) {
            (_, Some(problem)) => problem.detail.clone(),
            (Some(result), None) => result.message.clone(),
            (None, None) => format!("{} of {}", part.operation, part.subject),
        };
        output::line(&printable(&format!("{}: {}: {message}", part.state, part.subject)));
        for warning in part.result.iter().flat_map(|result| &result.warnings) {
            output::error_line(&printable(&format!("warning: {}: {warning}", part.subject)));
        }
    }
}

/// Asks for confirmation on the terminal.
fn agrees(screen: &Screen) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let failure = Failure::usage("cannot ask for confirmation: standard input is not a terminal");
        return Err(failure.fix("check the changes with `plugin-host plan`, then apply them with --yes"));
    }
    screen.note("\nApply these changes? Type `yes` to confirm:");
    let mut answer = String::new();
    let read = std::io::stdin().lock().take(100).read_line(&mut answer);
    read.map_err(|error| Failure::from_error("failed to read the answer", &error))?;
    Ok(answer.trim() == "yes")
}

/// Writes a file. A regular file is replaced through a temporary file in its folder, so that a failure leaves it
/// unchanged, and keeps its permissions. Links are followed. A device or pipe is written to and not replaced.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Ok(found) => Some(found),
        // A link without a file behind it is not replaced, either.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => None,
        Err(error) => return Err(error),
    };
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let path = if found.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::metadata(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(host_file::without_path)?;
    file.write_all(bytes)?;
    let permissions = found.map_or_else(|| Permissions::from_mode(0o644), |found| found.permissions());
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|failed| failed.error)?;
    Ok(())
}

// === the file ===

/// Reads a plugins.yaml and makes its paths absolute, since the host has another working folder.
fn read(path: &Path) -> Result<PluginSet, Failure> {
    let name = input::shown(path);
    let text = input::read(path, PluginSet::MAX_BYTES as u64).map_err(|error| {
        let failure = Failure::usage(format!("failed to read `{name}`")).because(error.to_string());
        let fix = match error {
            ReadError::NotText { .. } => {
                "standard input must be a plugins.yaml; to read a bundle, set --file to its path"
            }
            _ => "set --file to a plugins.yaml, which `plugin-host export` creates, or to `-` for standard input",
        };
        failure.fix(fix)
    })?;
    let mut file = plugin_set::read(text.as_bytes()).map_err(|problems| refused(&name, &problems))?;
    let folder = match path.parent() {
        Some(folder) if !input::is_stdin(path) => folder,
        _ => Path::new(""),
    };
    for entry in &mut file.plugins {
        entry.source = absolute(folder, entry.source.clone());
    }
    Ok(file)
}

fn refused(name: &str, problems: &[PluginSetProblem]) -> Failure {
    let mut failure = Failure::usage(format!("`{name}` is invalid"));
    failure.details = problems.iter().map(|problem| problem.in_file(name)).collect();
    failure.fix("correct the listed lines; `plugin-host export` prints a valid plugins.yaml")
}

/// Resolves relative paths from the folder of the file.
fn absolute(folder: &Path, source: Source) -> Source {
    let absolute =
        |path: PathBuf| if path.is_absolute() { path } else { std::path::absolute(folder.join(&path)).unwrap_or(path) };
    // Without symbolic links and dots, as the host compares it with its source roots.
    let plain = |path: PathBuf| {
        if path.is_absolute() {
            path
        } else {
            std::fs::canonicalize(folder.join(&path)).unwrap_or_else(|_| absolute(path))
        }
    };
    source.map_place(|place| match place {
        Source::Folder(path) => Source::Folder(plain(path)),
        Source::Archive(path) => Source::Archive(plain(path)),
        // A symbolic link is not resolved, because the host refuses links.
        Source::Library(path) => Source::Library(absolute(path)),
        source => source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir(place.join("hello")).unwrap();
        let text = "version: 1\nplugins:\n  - source: ./hello\n  - source: gone/../x.zip\n  - source: lib/a.so\n  \
                    - source: /srv/b\n  - source: https://github.com/acme/c\n";
        let path = place.join("plugins.yaml");
        write(&path, text.as_bytes()).unwrap();
        let sources: Vec<_> = read(&path).unwrap().plugins.into_iter().map(|entry| entry.source.to_string()).collect();
        let at = |rest: &str| place.join(rest).display().to_string();
        let expected = [at("hello"), at("gone/../x.zip"), at("lib/a.so"), "/srv/b".to_owned()];
        assert_eq!(sources[..4], expected);
        assert_eq!(sources[4], "https://github.com/acme/c");
        write(&path, b"version: 1\nplugins: 7\n").unwrap();
        let failure = read(&path).unwrap_err().to_string();
        assert!(failure.contains(&format!("{}:2: `plugins` must be a list, found `7`", path.display())), "{failure}");
        assert_eq!(read(&place.join("none")).unwrap_err().exit, Exit::Usage);
    }
    #[test]
    fn an_export_replaces_only_regular_files_and_keeps_their_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = |name: &str| fs::symlink_metadata(at(name)).unwrap().permissions().mode() & 0o777;
        write(&at("new"), b"one").unwrap();
        assert_eq!(mode("new"), 0o644);
        fs::set_permissions(at("new"), Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("new", at("link")).unwrap();
        write(&at("link"), b"two").unwrap();
        assert_eq!((fs::read(at("new")).unwrap(), mode("new")), (b"two".to_vec(), 0o600));
        assert!(at("link").is_symlink());

        std::os::unix::fs::symlink("nowhere", at("broken")).unwrap();
        assert_eq!(write(&at("broken"), b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(at("broken").is_symlink());

        let (read_right, write_right) = (rustix::fs::Mode::RUSR, rustix::fs::Mode::WUSR);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), read_right | write_right).unwrap();
        let pipe = at("pipe");
        let reader = std::thread::spawn(move || fs::read(pipe).unwrap());
        write(&at("pipe"), b"three").unwrap();
        assert_eq!(reader.join().unwrap(), b"three");

        let failed = write(&at("no/such/folder"), b"x").unwrap_err().to_string();
        assert_eq!(failed, "No such file or directory (os error 2)");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "no temporary file is left");
    }
}
