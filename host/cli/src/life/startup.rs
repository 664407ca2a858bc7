//! Loads the sources of `--load` and `auto_load_plugins` when the host starts, with progress on the terminal.

use std::path::Path;

use host_core::{Source, manifest::Method};
use host_run::{Error, Host, Initiator, LoadOptions, Operation, Receipt, Trust};

use host_author::operation_failure;
use host_client::Screen;
use host_client::output::text::{duration, printable};

/// Loads sources at startup.
pub(super) struct StartupLoader<'a> {
    pub(super) host: &'a Host,
    pub(super) screen: &'a Screen,
    /// The URL of the host.
    pub(super) url: &'a str,
    /// Whether the log is written as JSON.
    pub(super) json: bool,
}

impl StartupLoader<'_> {
    /// Loads all sources one after the other and continues after failures. A plugin with a missing dependency
    /// is retried after the others. Returns the number of loaded plugins.
    pub(super) async fn load_all(&self, sources: impl Iterator<Item = Source>) -> usize {
        let mut n_loaded = 0;
        let mut waiting: Vec<Source> = sources.collect();
        loop {
            let mut put_off = vec![];
            let mut has_loaded = false;
            for source in waiting {
                match self.load(&source).await {
                    Ok(receipt) => {
                        n_loaded += 1;
                        has_loaded = true;
                        self.print_receipt(&receipt);
                    }
                    Err(error) if error.code() == "dependency_missing" => put_off.push((source, error)),
                    Err(error) => self.print_failure(&source, &error),
                }
            }
            if !has_loaded {
                put_off.iter().for_each(|(source, error)| self.print_failure(source, error));
                return n_loaded;
            }
            waiting = put_off.into_iter().map(|(source, _)| source).collect();
        }
    }

    fn print_failure(&self, source: &Source, error: &Error) {
        let failure = operation_failure(format!("failed to load {source}"), error);
        if self.json {
            tracing::error!(%source, code = error.code(), "{failure}")
        } else {
            self.screen.note(&format!("\n{failure}\n"))
        }
    }

    /// Prints the state of the plugins that were installed before.
    pub(super) fn print_installed(&self) {
        for plugin in self.host.plugins() {
            let id = &plugin.id;
            let phase = plugin.phase.as_str();
            let version = plugin.desired.map(|desired| desired.current.version.to_string()).unwrap_or_default();
            match (plugin.generation, plugin.last_error) {
                (Some(generation), _) => {
                    self.screen.line(&format!("{id} {version} is running as generation {generation}"))
                }
                (None, Some((code, message, _))) => {
                    self.screen.line(&format!("{id} {version} is {phase}: {code}: {message}"))
                }
                (None, None) => self.screen.line(&format!("{id} {version} is {phase}")),
            }
        }
    }

    async fn load(&self, source: &Source) -> Result<Receipt, std::sync::Arc<Error>> {
        let options = LoadOptions { replace: true, if_changed: true, ..LoadOptions::default() };
        let operation = Operation::Load { source: source.clone(), trust: Trust::CommandLine, options };
        let job = self.host.submit(operation, Initiator::new("command line")).await?;
        let shows_lines = !self.screen.is_terminal() && !self.json;
        let what = format!("loading {source}");
        if shows_lines {
            self.screen.note(&what);
        }
        let mut spinner = self.screen.spinner(&what, shows_lines);
        let mut from = 0;
        loop {
            let lines = job.new_lines(from).await;
            let Some(last) = lines.last() else { return job.wait().await };
            from = last.number + 1;
            spinner.step(&job.view().step);
            for line in &lines {
                spinner.line(&line.message);
                // A progress line shows only the newest output; notes stay on the terminal.
                if spinner.is_drawn() && line.message.starts_with("note: ") {
                    self.screen.note(&printable(&line.message));
                }
            }
        }
    }

    /// Prints the loaded plugin and a curl command for one of its endpoints.
    fn print_receipt(&self, receipt: &Receipt) {
        let took: f64 = receipt.steps.iter().map(|step| step.duration_ms).sum();
        let built = match receipt.cached {
            Some(true) => "from the build cache",
            Some(false) => "built",
            None => "loaded",
        };
        let Some(id) = &receipt.id else { return };
        let version = &receipt.version;
        let generation = receipt.generation.unwrap_or(0);
        self.screen
            .line(&format!("{id} {version} is running as generation {generation} ({built} in {})", duration(took)));
        for warning in &receipt.warnings {
            self.screen.note(&format!("warning: {warning}"));
        }
        let manifest = self.host.plugin(id.as_str()).and_then(|plugin| plugin.manifest);
        let endpoints = manifest.iter().flat_map(|manifest| &manifest.endpoints);
        let mut simple =
            endpoints.filter(|endpoint| endpoint.method == Method::Get && endpoint.path.params().is_empty());
        if let Some(endpoint) = simple.next() {
            let path = format!("/api/plugin-endpoints/{id}{}", endpoint.path.as_str());
            self.screen.line(&curl(self.url, &path, None));
        }
    }
}

/// Returns a curl command to paste into a shell.
pub(super) fn curl(url: &str, path: &str, token: Option<&Path>) -> String {
    match token {
        Some(token) => {
            let token = token.display().to_string().replace('\'', r"'\''");
            format!("  curl -H \"Authorization: Bearer $(cat '{token}')\" {url}{path}")
        }
        None => format!("  curl {url}{path}"),
    }
}
