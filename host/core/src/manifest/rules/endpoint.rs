//! The rules for each endpoint, and for the paths of all endpoints of a plugin.

use std::time::Duration;

use super::{not_empty, schema};
use crate::manifest::reader::{Reader, Report};
use crate::manifest::route::Conflict;
use crate::manifest::{Auth, Endpoint, Method, RateLimit, RouteError, RoutePath, Upgrade, Validation};
use crate::spelling::suggestion;
use crate::{Role, Size};

const MAX_ENDPOINTS: usize = 50;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// One day. The limit of a host (`max_endpoint_timeout_seconds`) is usually lower, see [`Manifest::check_for_host`].
const MAX_TIMEOUT_MS: u64 = 86_400_000;
const DEFAULT_BODY_BYTES: u64 = 1 << 20;
const MAX_BODY_BYTES: u64 = 4 << 30;
const MAX_RATE: u64 = 1_000_000;

/// The endpoints; `None` if one has a problem, or if there are none or too many.
pub(super) fn endpoints(report: &Report<'_>, reader: &Reader<'_>) -> Option<Vec<Endpoint>> {
    let before = report.count();
    let items = reader.items_within(1..=MAX_ENDPOINTS);
    let mut endpoints = Vec::new();
    let mut earlier = Vec::new();
    for item in &items {
        let path = item.field("path");
        let found = endpoint(&item.required(), report.max_timeout());
        // A path is compared with those before it even when something else in its endpoint is wrong.
        if let Some((path_found, method)) = &found.route {
            compare(&path, path_found, *method, &earlier);
            earlier.push((path_found.clone(), *method, path.line()));
        }
        endpoints.extend(found.endpoint);
    }
    (report.count() == before && reader.is_given()).then_some(endpoints)
}

struct Found {
    route: Option<(RoutePath, Option<Method>)>,
    endpoint: Option<Endpoint>,
}

fn endpoint(item: &Reader<'_>, max_timeout: Duration) -> Found {
    item.keys(&[
        "path",
        "method",
        "handler",
        "description",
        "auth",
        "rate_limit",
        "validation",
        "timeout_ms",
        "max_body_bytes",
        "upgrade",
        "compress",
        "decompress",
    ]);
    if !item.is_mapping() {
        return Found { route: None, endpoint: None };
    }
    let path = item.field("path").required().parsed(route_path);
    let method = item.field("method").required();
    let method = if method.is_list() {
        method.problem("must be one method, not a list; write one entry of `endpoints` for each method");
        None
    } else {
        method.parsed(str::parse::<Method>)
    };
    let handler = item.field("handler").required().parsed(handler);
    let timeout = timeout(&item.field("timeout_ms"), max_timeout);
    let max_body_bytes = item.field("max_body_bytes").number(0..=MAX_BODY_BYTES);
    let upgrade = item.field("upgrade");
    let protocol = upgrade.parsed(str::parse::<Upgrade>);
    if protocol.is_some() && method.is_some_and(|method| method != Method::Get) {
        upgrade.problem("requires `method: GET`");
    }
    let compress = compression(item.field("compress"), protocol.is_none(), "a WebSocket is not compressed");
    let has_body = method.is_none_or(Method::has_body);
    let decompress = compression(item.field("decompress"), has_body, "a request with this method has no body");
    let route = path.clone().map(|path| (path, method));
    let description = item.field("description").prose().unwrap_or_default().to_owned();
    let auth = auth(&item.field("auth"));
    let rate_limit = rate_limit(&item.field("rate_limit"));
    let (rules, max_body) = (item.field("validation"), item.field("max_body_bytes"));
    let validation = validation(&rules);
    if validation.as_ref().is_some_and(Validation::checks_body) {
        if method.is_some_and(|method| !method.has_body()) {
            rules.bare().warn(
                "has no effect: `required` and `schema` check the request body, and a request with this method has none",
            );
        } else if max_body_bytes.is_some_and(|most| most > Validation::MAX_BODY_BYTES) {
            let max = Size::new(Validation::MAX_BODY_BYTES);
            max_body
                .warn(format!("is larger than {max}, the limit for bodies that are validated, which applies instead"));
        }
    }
    let endpoint = path.zip(method).zip(handler).map(|((path, method), handler)| Endpoint {
        path,
        method,
        handler,
        description,
        auth,
        rate_limit,
        validation,
        timeout,
        max_body_bytes: max_body_bytes.unwrap_or(DEFAULT_BODY_BYTES),
        upgrade: protocol,
        compress,
        decompress,
    });
    Found { route, endpoint }
}

/// The deadline; the default as well must be within the limit of the host.
fn timeout(field: &Reader<'_>, max: Duration) -> Duration {
    let max_ms = u64::try_from(max.as_millis()).unwrap_or(u64::MAX).min(MAX_TIMEOUT_MS);
    let limit = || format!("must be at most {max_ms} on this host (`max_endpoint_timeout_seconds`)");
    if !field.is_given() {
        if DEFAULT_TIMEOUT > max {
            field.problem(format!("{}, and its default is {}", limit(), DEFAULT_TIMEOUT.as_millis()));
        }
        return DEFAULT_TIMEOUT;
    }
    if max_ms < MAX_TIMEOUT_MS && field.whole_number().is_some_and(|found| found > max_ms) {
        field.problem(limit());
        return DEFAULT_TIMEOUT;
    }
    field.number(1..=max_ms).map_or(DEFAULT_TIMEOUT, Duration::from_millis)
}

/// Returns whether a kind of compression is requested; a warning says why it is not if it cannot be `possible`.
fn compression(reader: Reader<'_>, possible: bool, reason: &str) -> bool {
    let wanted = reader.flag().unwrap_or(false);
    if wanted && !possible {
        reader.bare().warn(format!("has no effect: {reason}"));
    }
    wanted && possible
}

/// Records a problem if `path` conflicts with an earlier one in the router.
fn compare(
    reader: &Reader<'_>,
    path: &RoutePath,
    method: Option<Method>,
    earlier: &[(RoutePath, Option<Method>, usize)],
) {
    for (other, other_method, line) in earlier {
        let same_method = method.is_some() && method == *other_method;
        let rule = match path.conflict(other) {
            None => continue,
            Some(Conflict::Same) if !same_method => continue,
            Some(Conflict::Same | Conflict::Names(..)) if same_method => {
                format!("has the same method and path as the endpoint in line {line}")
            }
            Some(Conflict::Same) => continue,
            Some(Conflict::Names(ours, theirs)) => {
                format!(
                    "calls a parameter `{ours}` that the same path in line {line} calls `{theirs}`; use one name for both"
                )
            }
            Some(Conflict::Tail) => {
                format!(
                    "conflicts with `{other}` in line {line}: one has a parameter where the other has `*`; change one of them"
                )
            }
        };
        reader.problem(rule);
        return;
    }
}

fn route_path(text: &str) -> Result<RoutePath, String> {
    text.parse().map_err(|error: RouteError| {
        let start = ["/*", "/**", "/{*}"].iter().find_map(|end| text.strip_suffix(end));
        match start.filter(|start| format!("{start}/*rest").parse::<RoutePath>().is_ok()) {
            Some(start) => format!("must have a name after `*`; write `{start}/*rest`"),
            None => error.to_string(),
        }
    })
}

fn handler(text: &str) -> Result<String, &'static str> {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && letters && text.len() <= 100 {
        Ok(text.to_owned())
    } else {
        Err("must start with a letter and contain only letters, digits and `_`, at most 100 characters")
    }
}

fn auth(reader: &Reader<'_>) -> Auth {
    reader.keys(&["required", "roles", "permissions", "scopes"]);
    let required = reader.field("required");
    let list = |field: &str| reader.field(field).parsed_items(not_empty);
    let mut auth =
        Auth { required: false, roles: list("roles"), permissions: list("permissions"), scopes: list("scopes") };
    let roles = reader.field("roles");
    if roles.is_list() {
        roles.items().iter().for_each(warn_of_unknown_role);
    }
    let asks = !(auth.roles.is_empty() && auth.permissions.is_empty() && auth.scopes.is_empty());
    let written = required.flag();
    if asks && written == Some(false) {
        required.problem("must be true or left out, because roles, permissions or scopes are required");
    }
    if !asks && reader.is_written() {
        refuse_empty(reader, written);
    }
    auth.required = written.unwrap_or(asks);
    auth
}

/// Refuses an `auth` that requires nothing, unless it says so: an endpoint must not become public because its author
/// has left a list empty.
fn refuse_empty(reader: &Reader<'_>, required: Option<bool>) {
    if reader.is_given() && !reader.is_mapping() {
        return;
    }
    let lists = [("roles", "role"), ("permissions", "permission"), ("scopes", "scope")];
    let is_empty = |field: &Reader<'_>| field.is_written() && (!field.is_given() || field.is_empty_list());
    let mut empty = lists.into_iter().filter(|(key, _)| is_empty(&reader.field(key))).peekable();
    match required {
        // Every caller is accepted, as written.
        Some(false) => {}
        Some(true) => {
            for (key, _) in empty.filter(|(key, _)| reader.field(key).is_empty_list()) {
                reader.field(key).bare().warn("is empty, so every authenticated caller is accepted");
            }
        }
        None if empty.peek().is_none() => {
            // Other keys have problems of their own.
            if reader.has_values() {
                return;
            }
            reader.bare().problem(
                "is empty; write `required: true` for any authenticated caller, or remove the key for a public endpoint",
            );
        }
        None => {
            for (key, one) in empty {
                reader.field(key).bare().problem(format!(
                    "is empty; list at least one {one}, or remove the key; write `required: true` for any authenticated \
                     caller"
                ));
            }
        }
    }
}

/// Other roles than those of the host cannot be granted, and admins have every role.
fn warn_of_unknown_role(role: &Reader<'_>) {
    let known = Role::ALL.map(Role::as_str);
    let Some(word) = role.as_text().filter(|word| !word.trim().is_empty() && !known.contains(word)) else { return };
    let remedy = match suggestion(word, &known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("the roles are `{}`; for other names, use `auth.permissions`", known.join("`, `")),
    };
    role.warn(format!("is not a role of the host, so only admins may call the endpoint; {remedy}"));
}

fn rate_limit(reader: &Reader<'_>) -> Option<RateLimit> {
    reader.keys(&["enabled", "rpm", "burst", "window_ms"]);
    let enabled = reader.field("enabled").flag().unwrap_or(reader.is_mapping());
    let rpm = reader.field("rpm");
    let rpm = if enabled { rpm.required() } else { rpm }.number(1..=MAX_RATE);
    let burst = reader.field("burst").number(1..=MAX_RATE);
    let window = reader.field("window_ms").number(1..=3_600_000).unwrap_or(60_000);
    if !enabled {
        return None;
    }
    let rpm = rpm?;
    Some(RateLimit { rpm, burst: burst.unwrap_or(rpm), window: Duration::from_millis(window) })
}

fn validation(reader: &Reader<'_>) -> Option<Validation> {
    reader.keys(&["content_type", "required", "schema"]);
    let validation = Validation {
        content_type: reader.field("content_type").parsed_items(media_type),
        required: reader.field("required").parsed_items(not_empty),
        schema: schema(&reader.field("schema")),
    };
    if reader.is_mapping() && validation == Validation::default() {
        reader.bare().warn("requires nothing and has no effect; list `content_type`, `required` or a `schema`");
    }
    (validation != Validation::default()).then_some(validation)
}

fn media_type(text: &str) -> Result<String, &'static str> {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    match text.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => Ok(text.to_ascii_lowercase()),
        _ => Err("must be a media type such as `application/json`, without parameters"),
    }
}
