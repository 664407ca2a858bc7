//! The cargo command line and the interpretation of its result.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use host_core::manifest::{Build, Profile};
use host_process::{Command, Exit};
use host_store::Store;

use crate::cargo_toml::Package;
use crate::report::Report;
use crate::{Config, Error, outputs, sdk};

/// The maximum length of a line, long enough for the messages of packages with very many files.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// Is called with each line that a build writes, while it runs.
pub type Lines<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// The parameters of a cargo run.
pub(crate) struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: &'a Store,
    /// The copy of the tree.
    pub(crate) work: &'a Path,
    pub(crate) package: &'a Package,
    pub(crate) build: &'a Build,
    /// The copy of the SDK.
    pub(crate) sdk: &'a Path,
    pub(crate) target: &'a Path,
}

/// The result of a cargo run.
pub(crate) struct Ran {
    /// The library, in the target folder.
    pub(crate) library: Result<PathBuf, Error>,
    /// The packages of the plugin: package name, crate name.
    pub(crate) own: BTreeSet<(String, String)>,
}

impl Run<'_> {
    /// Builds the package.
    pub(crate) async fn go(&self, lines: Lines<'_>) -> Ran {
        let mut report = Report::default();
        let manifest = self.work.join(self.package.manifest());
        let exit = match self.command() {
            Ok(command) => {
                let exit = command.run(|line| {
                    if report.take(&line, self.work, &manifest) {
                        lines(&line.text);
                    }
                });
                exit.await.map_err(explain)
            }
            Err(error) => Err(error),
        };
        let mut own = std::mem::take(&mut report.own);
        own.insert((self.package.name.clone(), self.package.library.clone()));
        Ran { library: exit.and_then(|exit| self.judge(exit, report)), own }
    }

    /// Removes the package's own outputs, including the library, from the target folder.
    pub(crate) async fn clean(&self, own: BTreeSet<(String, String)>) {
        let target = self.target.to_owned();
        // If the host stops in the meantime, some outputs stay until the next build of the same package.
        let _ = tokio::task::spawn_blocking(move || outputs::remove(&target, &own)).await;
    }

    fn command(&self) -> Result<Command, Error> {
        let Config { cargo, rustc, silence_timeout, environment, development, .. } = self.config;
        // An empty folder, because cargo reads `.cargo/config.toml` of the folder it starts in and of those above.
        let mut command = Command::new(cargo, self.store.empty_dir(), self.build.timeout)
            .silence_timeout(*silence_timeout)
            .max_line_bytes(MAX_LINE_BYTES)
            .args(self.arguments()?);
        for (name, value) in environment {
            command = command.env(name, value);
        }
        if rustc != Path::new("rustc") {
            command = command.env("RUSTC", rustc);
        }
        for (name, value) in &self.build.env {
            command = command.env(name, value);
        }
        Ok(command
            .env("CARGO_HOME", self.store.cargo_home())
            .env("CARGO_TARGET_DIR", self.target)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .env("CARGO_NET_RETRY", "2")
            // The work folder is new for every build except development builds, so incremental compilation has no
            // effect.
            .env("CARGO_INCREMENTAL", if *development { "1" } else { "0" }))
    }

    fn arguments(&self) -> Result<Vec<String>, Error> {
        let folder = match self.package.folder.as_str() {
            "" => self.work.to_owned(),
            folder => self.work.join(folder),
        };
        let mut arguments = vec![
            "build".to_owned(),
            format!("--manifest-path={}", text_of(&self.work.join(self.package.manifest()))?),
            // By its place, because a dependency may have the same name.
            format!("--package={}#{}", file_url(text_of(&folder)?), self.package.name),
            "--lib".to_owned(),
            "--message-format=json-render-diagnostics".to_owned(),
        ];
        let mut config = |entry: String| arguments.extend(["--config".to_owned(), entry]);
        // With `panic = "abort"` a panic in a plugin would end the host.
        config("profile.release.panic=\"unwind\"".to_owned());
        config("profile.dev.panic=\"unwind\"".to_owned());
        if self.config.development {
            // A library a fifth as large is copied, hashed and mapped sooner; a panic reports its line without debug
            // information.
            config("profile.dev.debug=0".to_owned());
        }
        text_of(self.sdk)?;
        sdk_patches(self.sdk).into_iter().for_each(&mut config);
        if self.build.profile == Profile::Release {
            arguments.push("--release".to_owned());
        }
        if !self.build.features.is_empty() {
            arguments.push(format!("--features={}", self.build.features.join(",")));
        }
        if self.config.offline {
            arguments.push("--offline".to_owned());
        }
        Ok(arguments)
    }

    fn judge(&self, exit: Exit, report: Report) -> Result<PathBuf, Error> {
        if exit.is_success() {
            return report.library.ok_or_else(|| Error::NoLibrary { package: self.package.name.clone() });
        }
        let has_compiled = report.has_compiled;
        let message = report.complaint();
        Err(if has_compiled { Error::Cargo { message, exit } } else { Error::Dependencies { message, exit } })
    }
}

/// Returns the entries of cargo's configuration that replace the crates of the SDK by this copy.
pub fn sdk_patches(sdk: &Path) -> Vec<String> {
    let patch = |(name, folder): (&str, &str)| {
        let path = if folder.is_empty() { sdk.to_owned() } else { sdk.join(folder) };
        format!("patch.crates-io.{name}.path={}", toml_string(&path.to_string_lossy()))
    };
    sdk::CRATES.into_iter().map(patch).collect()
}

fn explain(error: host_process::Error) -> Error {
    match error {
        host_process::Error::NotFound { program } => {
            Error::NoToolchain { program: program.clone(), source: host_process::Error::NotFound { program }.into() }
        }
        error @ (host_process::Error::TimedOut { .. } | host_process::Error::Silent { .. }) => Error::TimedOut(error),
        host_process::Error::OutputTooLarge { max_bytes, .. } => Error::OutputTooLarge { max_bytes },
        error @ host_process::Error::Failed { .. } => Error::Process(error),
    }
}

fn text_of(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Io {
        action: "pass to cargo",
        path: path.to_owned(),
        source: std::io::Error::other("the path is not UTF-8"),
    })
}

/// The URL of an absolute path.
fn file_url(path: &str) -> String {
    let mut url = "file://".to_owned();
    for byte in path.trim_end_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

/// A TOML basic string. JSON escapes a subset of what TOML escapes, in the same way.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_url_whatever_it_holds() {
        assert_eq!(file_url("/a b/c#d/é%/"), "file:///a%20b/c%23d/%C3%A9%25");
    }

    #[test]
    fn a_path_is_one_toml_string_whatever_it_holds() {
        for path in ["/a b/c", "/a\"b\\c", "/\u{e9}\t"] {
            let table: toml::Table = format!("path={}", toml_string(path)).parse().unwrap();
            assert_eq!(table["path"].as_str(), Some(path));
        }
    }
}
