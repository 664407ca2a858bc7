//! `check`: runs every step of a host up to opening the library, without starting the plugin.

use std::path::Path;
use std::time::Instant;

use host_build::{BuildSource, Builder, Code};
use host_core::manifest::Placement;
use host_fetch::Fetched;
use host_load::explain::{Finding, facts, file_gate};
use host_run::Error;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::args::Check;
use crate::config::AuthorConfig;
use crate::failure::operation_failure;
use crate::new::shell;
use crate::workshop::Workshop;
use crate::{blocking, child, sdk, until_a_signal};
use host_client::Failure;
use host_client::Screen;
use host_client::output::text::{bytes, duration, printable};
use host_client::output::{self};

/// Checks a plugin's folder.
///
/// # Errors
/// A host would refuse the plugin.
pub async fn check(args: Check, config: Result<AuthorConfig, Failure>) -> Result<(), Failure> {
    let mut steps = Steps { as_json: args.json, id: Value::Null, done: vec![], since: Instant::now() };
    let checked = until_a_signal(all(&args, config, &mut steps)).await;
    if args.json {
        let answer = json!({ "ok": checked.is_ok(), "plugin": steps.id, "steps": steps.done });
        output::raw(answer.to_string().as_bytes());
    }
    checked
}

async fn all(args: &Check, config: Result<AuthorConfig, Failure>, steps: &mut Steps) -> Result<(), Failure> {
    let workshop = Workshop::with_cache(config?)?;
    let source = workshop.source(&args.folder)?;
    steps.since = Instant::now();

    let Fetched { tree, warnings, .. } = steps.refuse("source", workshop.fetch(source.clone()).await)?;
    let n_bytes = tree.files().iter().map(|file| file.bytes).sum();
    steps.ok("source", format!("{} files, {}", tree.files().len(), bytes(n_bytes)), &warnings);

    let checked = steps.refuse("manifest", workshop.check(&tree))?;
    let manifest = checked.manifest;
    steps.id = json!({ "id": manifest.id.as_str(), "version": manifest.version.to_string() });
    let warnings: Vec<_> = checked.warnings.iter().map(ToString::to_string).collect();
    let n_endpoints = manifest.endpoints.len();
    steps.ok("manifest", format!("{} {}, {n_endpoints} endpoints", manifest.id, manifest.version), &warnings);

    // Whether this host has what the plugin needs: a toolchain, and versions of host, SDK and rustc that fit
    // plugin.yaml.
    let builder = Builder::new(workshop.store.clone(), workshop.build.clone()).await;
    let builder = steps.refuse("needs", builder.map_err(Error::Build))?;
    let host = &workshop.run.host_version;
    let sdk = Builder::sdk_version();
    let rustc = &builder.toolchain().rustc;
    let unmet = manifest.incompatibilities(host, &sdk, rustc);
    let met = match manifest.security.placement {
        Placement::Isolated => Err(Error::Placement { id: manifest.id.clone() }),
        Placement::Inline if !unmet.is_empty() => Err(Error::Manifest { problems: unmet }),
        Placement::Inline => Ok(()),
    };
    steps.refuse("needs", met)?;
    steps.ok("needs", format!("host {host}, plugin-sdk {sdk}, rustc {rustc}"), &[]);

    let code = {
        let tree = tree.clone();
        let manifest = manifest.clone();
        blocking(move || host_build::inspect(&tree, &manifest)).await
    };
    let what = match steps.refuse("code", code.map_err(Error::Build))? {
        Code::Crate { package } => format!("crate `{package}`"),
        Code::Library { path } => format!("the prebuilt library `{path}`"),
    };
    let stale = sdk::is_of_another_host(&args.folder, workshop.data_folder.as_deref());
    let stale = stale
        .then(|| "`cargo test` in this folder uses the plugin-sdk of another version; run `plugin-host sdk`".into());
    steps.ok("code", what, stale.as_slice());

    let screen = Screen::new();
    let spinner = Mutex::new(screen.spinner("building", args.verbose));
    let on_line = |line: &str| spinner.lock().line(line);
    let from = BuildSource { source: source.to_string(), commit: None };
    let built = builder.build(&tree, &manifest, &from, &on_line).await;
    drop(spinner);
    let artifact = steps.refuse("build", built.map_err(Error::Build))?.artifact;
    steps.ok("build", bytes(artifact.library_bytes()), &[]);

    let library = artifact.library();
    let file = {
        let library = library.to_owned();
        blocking(move || std::fs::read(library))
            .await
            .map_err(|error| Failure::from_error("failed to read the library", &error))?
    };
    steps.finding(&file_gate(&file), &facts(&file).warnings)?;
    let manifest_file = workshop.scratch().join("plugin.yaml");
    crate::files::write(&manifest_file, artifact.manifest_text())?;
    for finding in
        child::findings(&workshop.library_environment, library, Some(&manifest_file), workshop.run.start_timeout)
            .await?
    {
        steps.finding(&finding, &[])?;
    }
    steps.end(&args.folder);
    Ok(())
}

/// The steps so far, printed as they end.
struct Steps {
    as_json: bool,
    id: Value,
    done: Vec<Value>,
    /// The start of the current step.
    since: Instant,
}

impl Steps {
    fn ok(&mut self, step: &str, what: String, warnings: &[String]) {
        let duration_ms = self.lap();
        if !self.as_json {
            output::line(&format!("ok       {step:<9} {} ({})", printable(&what), duration(duration_ms)));
            for warning in warnings {
                output::error_line(&format!("warning: {}", printable(warning)));
            }
        }
        let step = json!({ "step": step, "ok": true, "what": what, "warnings": warnings, "duration_ms": duration_ms });
        self.done.push(step);
    }

    /// Ends a step, and reports its error if it failed.
    fn refuse<T>(&mut self, step: &'static str, result: Result<T, Error>) -> Result<T, Failure> {
        result.map_err(|error| {
            let failure = operation_failure(format!("the plugin would be refused at step `{step}`"), &error);
            self.refused(step, error.code(), failure)
        })
    }

    fn finding(&mut self, finding: &Finding, warnings: &[String]) -> Result<(), Failure> {
        let step = finding.gate.as_str();
        if finding.passed != Some(false) {
            self.ok(step, finding.evidence.clone(), warnings);
            return Ok(());
        }
        let mut failure =
            Failure::failed(format!("the plugin would be refused at step `{step}`")).because(&finding.evidence);
        failure.fix = finding.fix.clone();
        Err(self.refused(step, finding.code.as_deref().unwrap_or_default(), failure))
    }

    fn refused(&mut self, step: &str, code: &str, failure: Failure) -> Failure {
        let duration_ms = self.lap();
        if !self.as_json {
            output::line(&format!("refused  {step:<9} {code} ({})", duration(duration_ms)));
        }
        self.done.push(json!({
            "step": step, "ok": false, "code": code, "errors": failure.details, "compiler": failure.compiler,
            "fix": failure.fix, "duration_ms": duration_ms,
        }));
        failure
    }

    fn end(&self, folder: &Path) {
        if !self.as_json {
            output::line(&format!("\nall checks passed\n\nnext:\n  plugin-host load {}", shell(folder)));
        }
    }

    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let micros = now.duration_since(std::mem::replace(&mut self.since, now)).as_micros();
        micros as f64 / 1e3
    }
}
