//! The versions of host, SDK and compiler that a plugin requires.

use semver::{Version, VersionReq};

use super::{Manifest, Problem};

/// Required versions; `None` accepts any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
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
        let Compatibility { host: for_host, sdk: for_sdk, rust: for_rust } = &self.compatibility;
        let mut problems = Vec::new();
        for (field, what, wanted, found, remedy) in [
            ("compatibility.host", "a host", for_host, host, "update the host"),
            ("compatibility.sdk", "a plugin-sdk", for_sdk, sdk, "build the plugin with the plugin-sdk of this host"),
            ("compatibility.rust", "a Rust compiler", for_rust, rust, "install that compiler"),
        ] {
            let Some(wanted) = wanted else { continue };
            if !fits(wanted, found) {
                let rule = format!("requires {what} `{wanted}`; {remedy} or choose another version of the plugin");
                problems.push(Problem { line: 0, field: field.to_owned(), rule, found: found.to_string() });
            }
        }
        problems
    }
}

/// Returns whether `found` meets `wanted`. A pre-release also meets the requirement if its release does.
pub(crate) fn fits(wanted: &VersionReq, found: &Version) -> bool {
    wanted.matches(found) || wanted.matches(&Version::new(found.major, found.minor, found.patch))
}
