//! The compiler that plugins are built with.

use std::io;
use std::path::Path;
use std::time::Duration;

use host_core::Digest;
use host_process::{Command, Stream};
use semver::Version;

use crate::{Config, Error};

/// The compiler that plugins are built with.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Its version.
    pub rustc: Version,
    /// The output of `rustc -vV`.
    pub verbose: String,
    /// The target triple it builds for.
    pub host: String,
}

impl Toolchain {
    /// Queries the compiler, once, with the environment of a build.
    pub(crate) async fn ask(config: &Config, folder: &Path) -> Result<Toolchain, Error> {
        let failed = |source| Error::NoToolchain { program: config.rustc.clone(), source };
        let mut verbose = String::new();
        let mut complaint = String::new();
        let mut command = Command::new(&config.rustc, folder, Duration::from_secs(60)).arg("-vV");
        for (name, value) in &config.environment {
            command = command.env(name, value);
        }
        let exit = command.max_output_bytes(64 * 1024).run(|line| {
            let text = if line.stream == Stream::Stdout { &mut verbose } else { &mut complaint };
            text.push_str(&line.text);
            text.push('\n');
        });
        let exit = exit.await.map_err(|error| failed(error.into()))?;
        if !exit.is_success() {
            return Err(failed(format!("it {exit}: {}", complaint.trim()).into()));
        }
        Toolchain::parse(&verbose).ok_or_else(|| {
            failed(io::Error::other(format!("`-vV` did not name a release and a host: {verbose:?}")).into())
        })
    }

    /// A name for this compiler that is safe as a file name.
    pub(crate) fn hex(&self) -> String {
        Digest::compute(self.verbose.as_bytes()).hex()
    }

    fn parse(verbose: &str) -> Option<Toolchain> {
        let after = |label| verbose.lines().find_map(|line| line.strip_prefix(label));
        Some(Toolchain {
            rustc: after("release: ")?.parse().ok()?,
            host: after("host: ")?.to_owned(),
            verbose: verbose.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_and_host_of_the_compiler_are_parsed() {
        let verbose = "rustc 1.97.0-nightly (abc 2026-05-01)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.97.0-nightly\n";
        let toolchain = Toolchain::parse(verbose).unwrap();
        assert_eq!((toolchain.rustc.minor, toolchain.host.as_str()), (97, "x86_64-unknown-linux-gnu"));
        assert!(Toolchain::parse("gcc 14").is_none());
    }

    #[tokio::test]
    async fn a_missing_compiler_is_named_with_the_remedy() {
        for rustc in ["/no/such/rustc", "/bin/false", "/bin/true"] {
            let config = Config { rustc: rustc.into(), ..Config::default() };
            let error = Toolchain::ask(&config, Path::new("/")).await.unwrap_err();
            assert_eq!(error.code(), "build_no_toolchain");
            assert!(error.to_string().contains(rustc) && error.to_string().contains("rustup.rs"), "{error}");
        }
    }
}
