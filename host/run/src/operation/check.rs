//! Checks of a plugin.yaml before its plugin is built.

use host_core::Manifest;
use host_core::manifest::{Checked, Mode, Placement, Problem};
use host_store::Tree;

use crate::model::{Config, Error};
use crate::state::Host;

/// Checks the plugin.yaml of a tree. In [`Mode::Permissive`], files that do not match its checksums are warnings.
pub(crate) fn check(config: &Config, tree: &Tree) -> Result<Checked, Error> {
    let text = tree.manifest_text()?;
    let checked = Manifest::check_for_host(&text, config.mode, config.max_endpoint_timeout);
    let mut checked = checked.map_err(|problems| Error::Manifest { problems })?;
    checked.warnings.extend(host_build::version_difference(tree, &checked.manifest));
    if config.mode == Mode::Permissive {
        ignore_checksums(tree, &mut checked);
    }
    Ok(checked)
}

/// Checks that a plugin fits this host, as far as its plugin.yaml says.
pub(crate) fn fits_host(host: &Host, manifest: &Manifest) -> Result<(), Error> {
    if manifest.security.placement == Placement::Isolated {
        return Err(Error::Placement { id: manifest.id.clone() });
    }
    let sdk = host_build::Builder::sdk_version();
    let rustc = &host.0.builder.toolchain().rustc;
    let problems = manifest.incompatibilities(&host.config().host_version, &sdk, rustc);
    if problems.is_empty() { Ok(()) } else { Err(Error::Manifest { problems }) }
}

/// Replaces the checksums of a plugin.yaml by warnings about the files that do not match them.
fn ignore_checksums(tree: &Tree, checked: &mut Checked) {
    let checksums = std::mem::take(&mut checked.manifest.checksums);
    let differences = host_build::checksum_differences(tree, &checksums);
    checked.warnings.extend(differences.into_iter().map(|difference| Problem {
        line: 0,
        field: "checksums".to_owned(),
        rule: format!("do not match: {difference}; accepted because of `security_mode: permissive`"),
        found: String::new(),
    }));
}
