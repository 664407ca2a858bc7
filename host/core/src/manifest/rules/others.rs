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
        if is_import_path(text) {
            item.older("is an import path, not a plugin id, and has no effect");
            return None;
        }
        let id = item.parsed(plugin_id)?;
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
        let id = item.field("id").required().parsed(plugin_id)?;
        return Some(Dependency { id, version, optional });
    }
    // Older systems named modules and services here as well, with versions of their own, and met none of them.
    let text = name.text()?;
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

fn is_import_path(text: &str) -> bool {
    text.contains(['/', '.']) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn run_after(reader: &Reader<'_>, id: Option<&PluginId>) -> Vec<PluginId> {
    let items = reader.items();
    let read = |item: &Reader<'_>| {
        let other = item.required().parsed(plugin_id)?;
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
        let id = item.required().parsed(plugin_id)?;
        return Some(Conflict { id, version: None });
    }
    item.keys(&["id", "version"]);
    let version = item.field("version").parsed(requirement);
    let id = item.field("id").required().parsed(plugin_id)?;
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
