//! Opens a library in a child process, so that a crash of its code does not end this program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host_core::{Manifest, Size, Span, manifest::Mode};
use host_load::explain::{Finding, Gate, open_gates};
use host_process::{Command, Error, Stream};
use host_store::Store;

use crate::args::OpenLibrary;
use crate::blocking;
use crate::workshop::scratch;
use host_client::Failure;
use host_client::output;

/// The prefix of the child's result, since the library may also write lines.
const MARK: &str = "plugin-host-findings: ";
/// Time limit of the child in addition to the time limit of the library.
const EXTRA: Duration = Duration::from_secs(30);

/// Runs all gates after the first on a library.
///
/// # Errors
/// The child process cannot be started.
pub(crate) async fn findings(
    environment: &[(String, String)],
    library: &Path,
    manifest: Option<&Path>,
    timeout: Duration,
) -> Result<Vec<Finding>, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::from_error("failed to open the library in a child process", error)
    };
    let library = std::path::absolute(library).map_err(|error| failed(&error))?;
    let folder = scratch()?;
    // The running program, even if its file was replaced since it started.
    let mut command = Command::new("/proc/self/exe", folder.path(), timeout + EXTRA)
        .max_line_bytes(1 << 20)
        .arg("open-library")
        .args(["--scratch".into(), folder.path().as_os_str().to_owned()])
        .args(["--timeout-seconds".to_owned(), timeout.as_secs().max(1).to_string()]);
    if let Some(manifest) = manifest {
        command = command.args(["--manifest".into(), manifest.as_os_str().to_owned()]);
    }
    for (name, value) in environment {
        command = command.env(name, value);
    }
    let mut answer = None;
    let mut last = String::new();
    let exit = command
        .arg("--")
        .arg(library)
        .run(|line| match line.stream {
            Stream::Stdout => {
                if let Some(at) = line.text.find(MARK) {
                    answer = serde_json::from_str::<Vec<Finding>>(&line.text[at + MARK.len()..]).ok();
                }
            }
            Stream::Stderr => last = line.text,
        })
        .await;
    let lost = |what: String| {
        let last_line = if last.is_empty() { String::new() } else { format!("; its last line was `{last}`") };
        vec![Finding::lost(Gate::Open, format!("the child process that opened the library {what}{last_line}"))]
    };
    match exit {
        Ok(exit) => Ok(answer.unwrap_or_else(|| lost(format!("{exit} before the library was open")))),
        Err(Error::TimedOut { timeout, .. }) => Ok(lost(format!("was killed after {}", Span::new(timeout)))),
        Err(Error::OutputTooLarge { max_bytes, .. }) => Ok(lost(format!("wrote more than {}", Size::new(max_bytes)))),
        Err(error) => Err(failed(&error)),
    }
}

/// Runs the gates in the child process.
///
/// # Errors
/// The library cannot be read. A failed gate is a result, not an error.
pub async fn open_library(args: OpenLibrary) -> Result<(), Failure> {
    let OpenLibrary { library, manifest, scratch, timeout_seconds } = args;
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::from_error("failed to open the library", error);
    let folder = |name: &str| -> PathBuf { scratch.join(name) };
    let config =
        host_store::Config { plugin_dir: folder("plugins"), cache_dir: folder("cache"), limits: Default::default() };
    let store = Store::open(config).map_err(|error| failed(&error))?;
    let manifest = match manifest {
        Some(path) => {
            let text = blocking(move || std::fs::read(path)).await.map_err(|error| failed(&error))?;
            Manifest::check(&text, Mode::Normal).ok().map(|checked| checked.manifest)
        }
        None => None,
    };
    let timeout = Duration::from_secs(timeout_seconds);
    let findings = open_gates(&store, &library, manifest.as_ref(), timeout).await.map_err(|error| failed(&error))?;
    let findings = serde_json::to_string(&findings).expect("texts always have a JSON form");
    output::line(&format!("\n{MARK}{findings}"));
    Ok(())
}
