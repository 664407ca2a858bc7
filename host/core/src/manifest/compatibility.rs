//! The versions of host, SDK and compiler that a plugin requires.

use semver::{Version, VersionReq};

use super::{Manifest, Problem};

/// Required versions; `None` accepts any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// The lines of `host`, `sdk` and `rust` in plugin.yaml.
    pub(super) lines: [usize; 3],
    /// Required version of the host.
    pub host: Option<VersionReq>,
    /// Required version of the host's SDK.
    pub sdk: Option<VersionReq>,
    /// Required version of the Rust compiler.
    pub rust: Option<VersionReq>,
}

impl Manifest {
    /// The version requirements that the given versions do not meet.
    ///
    /// A pre-release, such as a nightly compiler, also meets a requirement if its release does.
    pub fn incompatibilities(&self, host: &Version, sdk: &Version, rust: &Version) -> Vec<Problem> {
        let Compatibility { lines, host: for_host, sdk: for_sdk, rust: for_rust } = &self.compatibility;
        let another = "or choose another version of the plugin";
        let mut problems = Vec::new();
        for (line, field, wanted, found, what, this, remedy) in [
            (lines[0], "host", for_host, host, "a host", "this host is", "update the host"),
            (
                lines[1],
                "sdk",
                for_sdk,
                sdk,
                "a plugin-sdk",
                "this host has plugin-sdk",
                "build the plugin with the plugin-sdk of this host",
            ),
            (
                lines[2],
                "rust",
                for_rust,
                rust,
                "a Rust compiler",
                "the compiler of this host is",
                "install that compiler",
            ),
        ] {
            let Some(wanted) = wanted else { continue };
            if !fits(wanted, found) {
                let rule = format!("requires {what} `{wanted}`, and {this} {found}; {remedy} {another}");
                problems.push(Problem { line, field: format!("compatibility.{field}"), rule, found: String::new() });
            }
        }
        problems
    }
}

/// Returns whether `found` meets `wanted`. A pre-release also meets the requirement if its release does.
pub(crate) fn fits(wanted: &VersionReq, found: &Version) -> bool {
    wanted.matches(found) || wanted.matches(&Version::new(found.major, found.minor, found.patch))
}
