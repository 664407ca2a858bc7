//! The rules for dependencies on other plugins, start order and conflicts.

use super::plugin_id;
use super::version::requirement;
use crate::PluginId;
use crate::manifest::reader::Reader;
use crate::manifest::{Conflict, Dependency};

pub(super) fn dependencies(reader: &Reader<'_>, id: Option<&PluginId>) -> Vec<Dependency> {
    let items = reader.items();
    let mut dependencies: Vec<Dependency> = Vec::new();
    for item in &items {
        let Some(dependency) = dependency(item) else { continue };
        refuse_itself(item, &dependency.id, id);
        if dependencies.iter().any(|earlier| earlier.id == dependency.id) {
            again(reader, &dependency.id);
        }
        dependencies.push(dependency);
    }
    dependencies
}

/// `None` for invalid entries, and for entries of older manifests that do not name a plugin.
fn dependency(item: &Reader<'_>) -> Option<Dependency> {
    if !item.is_mapping() {
        let text = item.required().text()?;
        if is_import_path(text) && with_version(text).is_none() {
            item.older("is an import path, not a plugin id, and has no effect");
            return None;
        }
        let id = item.parsed(id_in_list)?;
        return Some(Dependency { id, version: None, optional: false });
    }
    item.keys(&["id", "version", "optional"]);
    let (version, optional, required) = (item.field("version"), item.field("optional"), item.field("required"));
    let optional = match (optional.flag(), required.flag()) {
        (Some(optional), Some(required)) if optional == required => {
            required_contradicts(item);
            optional
        }
        (Some(optional), _) => optional,
        (None, required) => required == Some(false),
    };
    let name = item.field("name");
    if item.field("id").is_given() || !name.is_given() {
        let version = version.parsed(requirement);
        let id = item.field("id").required().parsed(id_beside_version)?;
        return Some(Dependency { id, version, optional });
    }
    // Older systems named modules and services here as well, with versions of their own, and met none of them.
    let text = name.text()?;
    if with_version(text).is_some() {
        name.parsed(id_beside_version);
        return None;
    }
    let Ok(id) = plugin_id(text) else {
        name.older("is not a plugin id and has no effect");
        return None;
    };
    let wanted = version.text();
    let requirement = wanted.and_then(|wanted| requirement(wanted.strip_prefix('v').unwrap_or(wanted)).ok());
    if wanted.is_some() && requirement.is_none() {
        version.older("is not a version requirement and has no effect");
    }
    Some(Dependency { id, version: requirement, optional: true })
}

fn required_contradicts(item: &Reader<'_>) {
    item.field("optional").problem("contradicts `required`, which means the opposite; keep only one of the two keys");
}

/// Reads an entry of a list that also accepts `{id, version}`.
fn id_in_list(text: &str) -> Result<PluginId, String> {
    let meant = |id: &str, version: Option<&str>| match version {
        Some(version) => format!("write `{{id: {id}, version: \"{version}\"}}`"),
        None => format!("write `{id}`"),
    };
    without_version(text, meant)
}

/// Reads the `id` of a mapping that also has a `version`.
fn id_beside_version(text: &str) -> Result<PluginId, String> {
    let meant = |id: &str, version: Option<&str>| match version {
        Some(version) => format!("write `id: {id}, version: \"{version}\"`"),
        None => format!("write `id: {id}`"),
    };
    without_version(text, meant)
}

/// Reads a plugin id. A text such as `store@1.0` or `store >=1` is an id with a version, for which the error says what
/// `meant` returns.
fn without_version(text: &str, meant: impl Fn(&str, Option<&str>) -> String) -> Result<PluginId, String> {
    match with_version(text) {
        Some((id, version)) => Err(format!("must be a plugin id without a version; {}", meant(id, version))),
        None => plugin_id(text).map_err(str::to_owned),
    }
}

/// The plugin id of a text that also contains a version, and the version if it is a requirement.
fn with_version(text: &str) -> Option<(&str, Option<&str>)> {
    let at = text.find(['@', ' ', ':', '=', '<', '>', '^', '~'])?;
    let (id, rest) = text.split_at(at);
    let wanted = rest.trim_start_matches(['@', ' ', ':']).trim();
    let wanted = wanted.strip_prefix("==").map_or(wanted, str::trim_start);
    let wanted = wanted.strip_prefix(['v', 'V']).unwrap_or(wanted);
    let version = Some(wanted).filter(|wanted| requirement(wanted).is_ok());
    let is_version = rest.starts_with('@') || version.is_some();
    (is_version && plugin_id(id).is_ok()).then_some((id, version))
}

fn is_import_path(text: &str) -> bool {
    text.contains(['/', '.']) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn run_after(reader: &Reader<'_>, id: Option<&PluginId>) -> Vec<PluginId> {
    let items = reader.items();
    let read = |item: &Reader<'_>| {
        let other = item
            .required()
            .parsed(|text| without_version(text, |id, _| format!("`run_after` accepts every version: write `{id}`")))?;
        refuse_itself(item, &other, id);
        Some(other)
    };
    items.iter().filter_map(read).collect()
}

pub(super) fn conflicts(reader: &Reader<'_>, id: Option<&PluginId>, dependencies: &[Dependency]) -> Vec<Conflict> {
    let items = reader.items();
    let mut conflicts: Vec<Conflict> = Vec::new();
    for item in &items {
        let Some(conflict) = conflict(item) else { continue };
        refuse_itself(item, &conflict.id, id);
        if dependencies.iter().any(|dependency| dependency.id == conflict.id) {
            let rule = format!("must not contain `{}`, which is also in `dependencies`", conflict.id);
            item.bare().problem(rule);
        }
        if conflicts.iter().any(|earlier| earlier.id == conflict.id) {
            again(reader, &conflict.id);
        }
        conflicts.push(conflict);
    }
    conflicts
}

/// `None` for an invalid entry.
fn conflict(item: &Reader<'_>) -> Option<Conflict> {
    if !item.is_mapping() {
        let id = item.required().parsed(id_in_list)?;
        return Some(Conflict { id, version: None });
    }
    item.keys(&["id", "version"]);
    let version = item.field("version").parsed(requirement);
    let id = item.field("id").required().parsed(id_beside_version)?;
    Some(Conflict { id, version })
}

fn refuse_itself(item: &Reader<'_>, other: &PluginId, id: Option<&PluginId>) {
    if id == Some(other) {
        item.problem("must not be the plugin itself");
    }
}

fn again(reader: &Reader<'_>, id: &PluginId) {
    reader.bare().problem(format!("contains `{id}` more than once; keep one entry"));
}
