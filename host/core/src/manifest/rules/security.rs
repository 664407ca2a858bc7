//! The rules for permissions, placement and network access.

use super::digest;
use crate::manifest::reader::Reader;
use crate::manifest::{AllowedHost, Permission, Placement, Security};
use crate::spelling::suggestion;

pub(super) fn permissions(reader: &Reader<'_>) -> Vec<String> {
    let items = reader.items();
    let read = |text: &str| {
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        };
        match text.split('.').filter(|word| is_word(word)).count() {
            words if words >= 2 && words == text.split('.').count() => Ok(text.to_owned()),
            _ => Err("must be `resource.action` in lower case, such as `kv.read`"),
        }
    };
    let permissions: Vec<String> = items.iter().filter_map(|item| item.required().parsed(read)).collect();
    for item in &items {
        let known = Permission::ALL.map(Permission::as_str);
        let word = item.as_text().filter(|word| !known.contains(word) && permissions.iter().any(|other| other == word));
        if let Some(word) = word {
            item.older(match suggestion(word, &known) {
                Some(nearest) => {
                    format!("is not a known permission and has no effect; did you mean `{nearest}`?")
                }
                None => format!(
                    "is not a known permission and has no effect; known permissions are `{}`",
                    known.join("`, `")
                ),
            });
        }
    }
    permissions
}

pub(super) fn warn_when_nothing_can_be_fetched(reader: &Reader<'_>, permissions: &[String], security: &Security) {
    if permissions.iter().any(|asked| asked == Permission::HttpFetch.as_str()) && security.allowed_hosts.is_empty() {
        reader.bare().warn("contains `http.fetch`, but no host is allowed; list the hosts in `security.allowed_hosts`");
    }
}

pub(super) fn security(reader: &Reader<'_>, permissions: &[String]) -> Security {
    reader.keys(&["placement", "sandboxed", "network_access", "allowed_hosts", "filesystem_access", "checksum"]);
    let (placement, sandboxed) = (reader.field("placement"), reader.field("sandboxed"));
    let written = placement.parsed(|text| match text {
        "inline" => Ok(Placement::Inline),
        "isolated" => Ok(Placement::Isolated),
        _ => Err("must be `inline` or `isolated`"),
    });
    let placed = match (written, sandboxed.flag()) {
        (Some(written), Some(sandboxed_flag)) => {
            if sandboxed_flag != (written == Placement::Isolated) {
                sandboxed.problem(format!(
                    "contradicts `security.placement: {}` in line {}; keep only one of the two keys",
                    written.as_str(),
                    placement.line()
                ));
            }
            written
        }
        (Some(written), None) => written,
        (None, Some(true)) => Placement::Isolated,
        (None, _) => Placement::Inline,
    };
    if placed == Placement::Isolated {
        if written.is_some() { placement } else { sandboxed }.warn_unless_enforced();
    }
    let access = |field: &str| {
        let field = reader.field(field);
        let access = field.flag();
        if access == Some(false) {
            field.warn_unless_enforced();
        }
        access.unwrap_or(false)
    };
    let network_access = access("network_access");
    let allowed_hosts = reader.field("allowed_hosts");
    let hosts: Vec<AllowedHost> = allowed_hosts.parsed_items(str::parse);
    if allowed_hosts.is_given() && !network_access {
        allowed_hosts.bare().problem("requires `security.network_access: true`");
    }
    if allowed_hosts.is_given() && !permissions.iter().any(|asked| asked == Permission::HttpFetch.as_str()) {
        allowed_hosts.bare().problem("requires `http.fetch` under `permissions`");
    }
    Security {
        placement: placed,
        network_access,
        allowed_hosts: hosts,
        filesystem_access: access("filesystem_access"),
        checksum: reader.field("checksum").parsed(digest),
    }
}
