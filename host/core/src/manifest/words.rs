//! Keys that get a message of their own: keys without effect, keys of older formats of plugin.yaml, restrictions, other
//! names of keys, and likely typing errors.

use serde_json::{Map, Value};

use crate::spelling::suggestion;

/// Keys that are checked and stored but have no effect, or not the full effect, in this version of the host: their path
/// without indices, and the warning. A key that gains its effect loses its row.
pub(super) const NOT_ENFORCED: &[(&str, &str)] = &[
    ("artifacts", "has no effect in this version of the host, which always builds a plugin from its source"),
    (
        "security.network_access",
        "applies only to requests that the host sends for the plugin; this version of the host does not restrict the \
         plugin's own code",
    ),
    (
        "security.filesystem_access",
        "is not enforced by this version of the host: the plugin's code can open every file that the host can open",
    ),
];

/// Keys of older formats of plugin.yaml: their path without indices, and the warning.
pub(super) const OLDER_KEYS: &[(&str, &str)] = &[
    ("config", "is a key of an older format and has no effect; write default settings in `configuration`"),
    ("ui_components", "is a key of an older format and has no effect"),
    ("capabilities", "is a key of an older format and has no effect; list host services in `permissions`"),
    ("features", "is a key of an older format and has no effect; list cargo features in `build.features`"),
    ("module", "is a key of an older format and has no effect"),
    (
        "go_version",
        "is a key of an older format and has no effect; write the required compiler in `compatibility.rust`",
    ),
    ("compatibility.ui_version", "is a key of an older format and has no effect"),
    ("dependencies[].name", "is a key of an older format, and the dependency counts as optional; write `id` instead"),
    ("dependencies[].required", "is a key of an older format; write `optional` with the opposite value"),
    ("dependencies[].description", "is a key of an older format and has no effect"),
];

/// Mappings that restrict access, by their path without indices. An unknown key in them is refused: if it were ignored,
/// an endpoint would be open to more callers than its author wants.
pub(super) const RESTRICTIONS: &[&str] =
    &["security", "endpoints[].auth", "endpoints[].rate_limit", "endpoints[].validation"];

/// Keys that seem to be a restriction at the wrong place or under another name: their path without indices, and the
/// right key.
pub(super) const MISPLACED_RESTRICTIONS: &[(&str, &str)] = &[
    ("auth", "endpoints[].auth"),
    ("authentication", "endpoints[].auth"),
    ("authorization", "endpoints[].auth"),
    ("roles", "endpoints[].auth.roles"),
    ("scopes", "endpoints[].auth.scopes"),
    ("rate_limit", "endpoints[].rate_limit"),
    ("rpm", "endpoints[].rate_limit.rpm"),
    ("validation", "endpoints[].validation"),
    ("sandbox", "security.sandboxed"),
    ("sandboxed", "security.sandboxed"),
    ("endpoints[].authentication", "auth"),
    ("endpoints[].authorization", "auth"),
    ("endpoints[].security", "auth"),
    ("endpoints[].private", "auth.required"),
    ("endpoints[].public", "auth.required"),
    ("endpoints[].required", "auth.required"),
    ("endpoints[].role", "auth.roles"),
    ("endpoints[].roles", "auth.roles"),
    ("endpoints[].permissions", "auth.permissions"),
    ("endpoints[].scopes", "auth.scopes"),
    ("endpoints[].rpm", "rate_limit.rpm"),
    ("endpoints[].throttle", "rate_limit"),
    ("endpoints[].schema", "validation.schema"),
    ("endpoints[].validate", "validation"),
];

/// Keys of an endpoint at the top of plugin.yaml: the key, and its place.
pub(super) const OTHER_PLACES: &[(&str, &str)] = &[
    ("path", "endpoints[].path"),
    ("method", "endpoints[].method"),
    ("handler", "endpoints[].handler"),
    ("timeout_ms", "endpoints[].timeout_ms"),
    ("max_body_bytes", "endpoints[].max_body_bytes"),
    ("upgrade", "endpoints[].upgrade"),
    ("compress", "endpoints[].compress"),
    ("decompress", "endpoints[].decompress"),
];

/// Other names for keys of plugins.yaml: their path without indices, and the right key.
pub(super) const OTHER_NAMES_IN_PLUGINS: &[(&str, &str)] = &[
    ("plugins[].ref", "version"),
    ("plugins[].tag", "version"),
    ("plugins[].branch", "version"),
    ("plugins[].rev", "version"),
    ("plugins[].revision", "version"),
    ("plugins[].enabled", "goal"),
    ("plugins[].disabled", "goal"),
    ("plugins[].state", "goal"),
    ("plugins[].url", "source"),
    ("plugins[].git", "source"),
    ("plugins[].repository", "source"),
    ("plugins[].name", "id"),
    ("plugins[].settings", "configuration"),
];

impl super::Manifest {
    /// Warnings about configuration keys, at most 20: keys that nearly equal a key of the manifest's `configuration`,
    /// contain such keys, or name one with a dot. Without a schema, which decides about other keys, every key that
    /// `configuration` does not have, unless it is in an object without keys.
    pub fn likely_slips(&self, settings: &Map<String, Value>) -> Vec<String> {
        let mut slips = vec![];
        find_slips(&self.configuration, settings, "", self.configuration_schema.is_none(), &mut slips);
        slips.truncate(20);
        slips
    }
}

fn find_slips(
    known: &Map<String, Value>,
    settings: &Map<String, Value>,
    parent: &str,
    is_complete: bool,
    slips: &mut Vec<String>,
) {
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    for (key, value) in settings {
        let path = format!("{parent}{key}");
        match (known.get(key), value) {
            (Some(Value::Object(known)), Value::Object(inner)) => {
                find_slips(known, inner, &format!("{path}."), is_complete && !known.is_empty(), slips)
            }
            (Some(_), _) => {}
            (None, _) => {
                let unread = is_complete.then(|| "the plugin may not read it".to_owned());
                slips.extend(slip(key, value, &names).or(unread).map(|remedy| {
                    format!("`{}` is not in plugin.yaml's `configuration`; {remedy}", crate::shown(&path, 80))
                }));
            }
        }
    }
}

/// The remedy for a new key beside the known `names`, if it is likely a slip.
fn slip(key: &str, value: &Value, names: &[&str]) -> Option<String> {
    if value.as_object().is_some_and(|inner| inner.keys().any(|key| names.contains(&key.as_str()))) {
        return Some("its keys belong one level up".to_owned());
    }
    if let Some((first, rest)) = key.split_once('.').filter(|(first, _)| names.contains(first)) {
        let rest = crate::shown(rest, 80);
        return Some(format!("a dot in a key does not nest; write `{{\"{first}\": {{\"{rest}\": …}}}}`"));
    }
    suggestion(key, names).map(|nearest| format!("did you mean `{nearest}`?"))
}
