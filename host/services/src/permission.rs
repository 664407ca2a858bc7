//! The table of permissions that every request is checked against.

use host_core::manifest::{Manifest, Permission};
use host_load::service;
use http::Method;

use crate::Error;

/// A service, its name, the accepted methods (every method if empty) and the permission that they need.
type Row = (u32, &'static str, &'static [Method], Permission);

const TABLE: &[Row] = &[
    (service::KV, "the key-value store", &[Method::GET], Permission::KvRead),
    (service::KV, "the key-value store", &[Method::PUT, Method::DELETE], Permission::KvWrite),
    (service::EVENTS, "the event bus", &[Method::GET], Permission::EventsSubscribe),
    (service::EVENTS, "the event bus", &[Method::POST], Permission::EventsPublish),
    (service::FETCH, "the HTTP client", &[], Permission::HttpFetch),
    (service::CALL, "another plugin", &[], Permission::PluginsCall),
    (service::SECRETS, "the store of secrets", &[Method::GET], Permission::SecretsRead),
];

/// Accepts a request if the service exists, accepts the method, and plugin.yaml lists the permission.
pub(crate) fn check(manifest: &Manifest, service: u32, method: &Method) -> Result<(), Error> {
    let mut rows = TABLE.iter().filter(|(number, ..)| *number == service).peekable();
    let Some((_, name, ..)) = rows.peek() else { return Err(Error::NoService { service }) };
    let name = *name;
    match rows.find(|(_, _, methods, _)| methods.is_empty() || methods.contains(method)) {
        Some((.., permission)) => permit(manifest, *permission),
        None => {
            let method = method.as_str().chars().take(20).collect();
            Err(Error::Method { service: name, allowed: allowed(service), method })
        }
    }
}

/// Accepts a permission that plugin.yaml lists.
pub(crate) fn permit(manifest: &Manifest, permission: Permission) -> Result<(), Error> {
    if manifest.permits(permission) { Ok(()) } else { Err(Error::PermissionDenied { permission }) }
}

fn allowed(service: u32) -> &'static str {
    match service {
        service::KV => "GET, PUT and DELETE",
        service::EVENTS => "GET and POST",
        service::SECRETS => "GET",
        _ => "any method",
    }
}
