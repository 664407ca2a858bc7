//! `explain`: inspects a library, runs the compatibility checks (gates) and explains the result.

use std::path::{Path, PathBuf};

use host_core::manifest::Mode;
use host_core::{Digest, Manifest};
use host_file::ReadError;
use host_load::explain::{Facts, Finding, Gate, facts, file_gate};
use serde_json::json;

use crate::args::Explain;
use crate::config::AuthorConfig;
use crate::{blocking, child, until_a_signal};
use host_client::Failure;
use host_client::output::text::bytes;
use host_client::output::{self, Table};

/// Maximum size of a library, as in the host's store.
const MAX_BYTES: u64 = 512 << 20;

/// Explains a library.
///
/// # Errors
/// The library is not compatible with this host.
pub async fn explain(args: Explain, config: AuthorConfig) -> Result<(), Failure> {
    until_a_signal(explain_now(args, config)).await
}

async fn explain_now(args: Explain, config: AuthorConfig) -> Result<(), Failure> {
    let timeout = config.run.start_timeout;
    let path = args.library;
    let file = {
        let path = path.clone();
        blocking(move || read(&path)).await?
    };
    let (file, facts, digest) = blocking(move || {
        let facts = facts(&file);
        let digest = Digest::compute(&file);
        (file, facts, digest)
    })
    .await;
    let mut findings = vec![file_gate(&file)];
    let beside = manifest_beside(&path);
    let manifest = beside.as_ref().and_then(|beside| beside.as_ref().ok());
    if findings[0].passed == Some(true) {
        // The child refuses symbolic links.
        let opened = path.canonicalize().unwrap_or_else(|_| path.clone());
        findings.extend(
            child::findings(&config.library_environment, &opened, manifest.map(PathBuf::as_path), timeout).await?,
        );
    }
    let refused = findings.iter().find(|finding| finding.passed == Some(false));
    let mut warnings = facts.warnings.clone();
    if let Some(Err(reason)) = &beside {
        warnings.push(format!("the plugin.yaml next to it is not compared with the code: {reason}"));
    }
    if args.json {
        output::raw(
            json!({
                "file": path.display().to_string(), "bytes": file.len(), "sha256": digest.to_string(), "kind": facts.kind,
                "metadata": facts.metadata, "compiler": facts.compiler, "needed": facts.needed,
                "search_path": facts.search_path, "glibc": facts.glibc, "root_symbol": facts.has_root_symbol,
                "warnings": warnings, "gates": findings, "fits": refused.is_none(),
            })
            .to_string()
            .as_bytes(),
        )
    } else {
        print(&path, file.len() as u64, digest, &facts, &findings, &warnings)
    }
    match refused {
        None => Ok(()),
        Some(finding) => {
            let failure = Failure::failed(format!("`{}` is not compatible with this host", path.display()));
            let mut failure = failure.because(&finding.evidence);
            failure.fix = finding.fix.clone();
            Err(failure)
        }
    }
}

/// Returns whether a path looks like an error code, such as `fetch_http`.
fn is_code_like(path: &Path) -> bool {
    let name = path.to_str().unwrap_or_default();
    name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Reads a file of limited size.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |reason: String| Failure::failed(format!("failed to read `{}`", path.display())).because(reason);
    host_file::read(path, MAX_BYTES).map_err(|error| {
        let fix = match &error {
            ReadError::TooLarge { .. } => {
                "strip debug information with `strip = \"debuginfo\"` in the profile of Cargo.toml"
            }
            _ if is_code_like(path) => {
                "pass a library file, usually a `.so`; docs/errors.md and `/docs/errors` of a host explain error codes"
            }
            _ => "pass a library file, usually a `.so`",
        };
        unreadable(error.to_string()).fix(fix)
    })
}

/// Returns the plugin.yaml next to a library; `Err` is the reason why an existing file is invalid.
fn manifest_beside(library: &Path) -> Option<Result<PathBuf, String>> {
    let names = ["plugin.yaml", "plugin.yml"].into_iter();
    let path = names.map(|name| library.with_file_name(name)).find(|path| path.is_file())?;
    let read = host_file::read(&path, Manifest::MAX_BYTES as u64);
    Some(match read.map(|text| Manifest::check(&text, Mode::Normal)) {
        Ok(Ok(_)) => std::path::absolute(path).map_err(|error| error.to_string()),
        Ok(Err(problems)) => Err(problems.first().map(ToString::to_string).unwrap_or_default()),
        Err(error) => Err(error.to_string()),
    })
}

fn print(path: &Path, n_bytes: u64, digest: Digest, facts: &Facts, findings: &[Finding], warnings: &[String]) {
    let mut table = Table::new();
    table.row(["file", &format!("{}, {}, {digest}", path.display(), bytes(n_bytes))]);
    table.row(["kind", &facts.kind]);
    if let Some(metadata) = &facts.metadata {
        let entries: Vec<_> = metadata.iter().map(|(name, value)| format!("{name} {value}")).collect();
        table.row(["metadata", &entries.join(", ")]);
    }
    if let Some(compiler) = &facts.compiler {
        table.row(["compiler", compiler]);
    }
    if !facts.needed.is_empty() {
        let glibc = facts.glibc.as_ref().map(|version| format!("; glibc {version} or newer")).unwrap_or_default();
        table.row(["needs", &format!("{}{glibc}", facts.needed.join(", "))]);
    }
    if let Some(search_path) = &facts.search_path {
        table.row(["search path", search_path]);
    }
    if facts.kind.contains("shared library") {
        table.row(["root symbol", if facts.has_root_symbol { "exported" } else { "missing" }]);
    }
    for warning in warnings {
        table.row(["warning", warning]);
    }
    output::table(&table);
    output::line("");
    let mut table = Table::with_head(["GATE", "RESULT", "DETAILS"]);
    for gate in [Gate::File, Gate::Open, Gate::Layout, Gate::Routes] {
        match findings.iter().find(|finding| finding.gate == gate) {
            Some(Finding { passed: Some(true), evidence, .. }) => table.row([gate.as_str(), "ok", evidence]),
            Some(Finding { passed: Some(false), code, .. }) => {
                table.row([gate.as_str(), "refused", code.as_deref().unwrap_or_default()]);
            }
            Some(Finding { passed: None, evidence, .. }) => table.row([gate.as_str(), "not compared", evidence]),
            None => table.row([gate.as_str(), "not reached", ""]),
        }
    }
    output::table(&table);
}
