//! The dependency on the SDK.

use semver::{Version, VersionReq};
use toml::{Table, Value};

use super::dependencies::dependencies;
use crate::{Error, sdk};

/// Refuses a plugin that requires another SDK version, or an SDK package by another name. cargo would only report that
/// nothing was found.
pub(super) fn check(path: &str, root: &Table, offered: &Version) -> Result<(), Error> {
    for (_, name, dependency) in dependencies(root) {
        let package = dependency.get("package").and_then(Value::as_str).unwrap_or(name);
        let is_elsewhere = ["path", "git", "registry"].iter().any(|key| dependency.get(key).is_some());
        if is_elsewhere || dependency.get("workspace").is_some() {
            continue;
        }
        let right = package.replace('_', "-");
        if right != package && sdk::CRATES.iter().any(|(name, _)| *name == right) {
            let (major, minor) = (offered.major, offered.minor);
            return Err(Error::CargoToml {
                path: path.to_owned(),
                line: 0,
                problem: format!(
                    "there is no package `{package}`; hint: write `{right} = \"{major}.{minor}\"`: the package is called \
                     `{right}`, and only its crate in the code `{package}`"
                ),
            });
        }
        if package != "plugin-sdk" {
            continue;
        }
        let wanted = dependency.as_str().or_else(|| dependency.get("version").and_then(Value::as_str));
        if let Some(Ok(wanted)) = wanted.map(VersionReq::parse)
            && !wanted.matches(offered)
        {
            return Err(Error::SdkVersion { wanted, offered: offered.clone() });
        }
    }
    Ok(())
}
