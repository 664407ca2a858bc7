//! The rules of what a plugin says of other plugins.

use super::{plugin_id, requirement};
use crate::manifest::Dependency;
use crate::manifest::reader::Reader;

pub(super) fn dependencies(reader: &Reader<'_>) -> Vec<Dependency> {
    let items = reader.items();
    let dependencies: Vec<Dependency> = items.iter().filter_map(dependency).collect();
    for (index, dependency) in dependencies.iter().enumerate() {
        if dependencies[..index].iter().any(|earlier| earlier.id == dependency.id) {
            reader.bare().problem(format!("must name each plugin once, and names `{}` again", dependency.id));
        }
    }
    if !dependencies.is_empty() {
        reader.warn_unless_enforced();
    }
    dependencies
}

/// `None` for what is wrong and for what older manifests list here that is no plugin.
fn dependency(item: &Reader<'_>) -> Option<Dependency> {
    if !item.is_mapping() {
        let text = item.required().text()?;
        if is_import_path(text) {
            item.older("is an import path, not a plugin, and has no effect");
            return None;
        }
        let id = item.parsed(plugin_id)?.to_string();
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
        let id = item.field("id").required().parsed(plugin_id)?.to_string();
        return Some(Dependency { id, version, optional });
    }
    // Older systems named modules and services here as well, with versions of their own.
    let text = name.text()?;
    let Ok(id) = plugin_id(text) else {
        name.older("is not the id of a plugin, and has no effect");
        return None;
    };
    let wanted = version.text();
    let requirement = wanted.and_then(|wanted| requirement(wanted.strip_prefix('v').unwrap_or(wanted)).ok());
    if wanted.is_some() && requirement.is_none() {
        version.older("is not a version requirement and has no effect");
    }
    Some(Dependency { id: id.to_string(), version: requirement, optional })
}

fn required_contradicts(item: &Reader<'_>) {
    item.field("optional").problem("contradicts `required`, which is its opposite; keep one");
}

fn is_import_path(text: &str) -> bool {
    text.contains(['/', '.']) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn run_after(reader: &Reader<'_>) -> Vec<String> {
    let ids = reader.parsed_items(|text| plugin_id(text).map(|id| id.to_string()));
    if !ids.is_empty() {
        reader.warn_unless_enforced();
    }
    ids
}
