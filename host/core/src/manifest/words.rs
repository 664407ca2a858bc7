//! Warnings about keys: keys without effect, keys of older manifests, and likely typing errors.

use crate::spelling::suggestion;

/// Keys that are checked and stored but have no effect, or not the full effect, in this version of the host: their path
/// without indices, and the warning. A key that gains its effect loses its row.
pub(super) const NOT_ENFORCED: &[(&str, &str)] = &[
    ("artifacts", "is recorded, not used by this host version: the plugin is built from its source"),
    (
        "security.network_access",
        "holds for what the plugin asks of its host; its own code is not held back by this host version",
    ),
    ("security.filesystem_access", "is recorded, not enforced by this host version"),
];

/// Keys of manifests of older systems: their path without indices, and the warning.
pub(super) const OLDER_KEYS: &[(&str, &str)] = &[
    ("config", "is a key of older manifests without effect; defaults are in `configuration`"),
    ("ui_components", "is a key of older manifests without effect"),
    ("capabilities", "is a key of older manifests without effect; list host services in `permissions`"),
    ("features", "is a key of older manifests without effect; cargo features are in `build.features`"),
    ("module", "is a key of older manifests without effect"),
    ("go_version", "is a key of older manifests without effect; `compatibility.rust` names the compiler"),
    ("compatibility.ui_version", "is a key of older manifests without effect"),
    ("dependencies[].name", "is a key of older manifests, and what it names is optional; write `id`"),
    ("dependencies[].required", "is a key of older manifests; write `optional`, which is its opposite"),
    ("dependencies[].description", "is a key of older manifests without effect"),
];

impl super::Manifest {
    /// Likely typing errors: new top-level configuration keys that nearly equal a key of the manifest's
    /// `configuration`. Other new keys are accepted.
    pub fn likely_slips(&self, settings: &serde_json::Map<String, serde_json::Value>) -> Vec<String> {
        let known: Vec<&str> = self.configuration.keys().map(String::as_str).collect();
        let slips = settings.keys().filter(|key| !known.contains(&key.as_str())).filter_map(|key| {
            let nearest = suggestion(key, &known)?;
            let shown: String = key.chars().filter(|c| !c.is_control()).take(80).collect();
            Some(format!("`{shown}` is not in plugin.yaml's `configuration`; did you mean `{nearest}`?"))
        });
        slips.take(20).collect()
    }
}
