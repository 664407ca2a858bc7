//! Requests to the key-value store.

use host_core::{PluginId, Size};
use host_load::{ServiceBody, ServiceRequest};
use host_state::{Condition, Kv};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::Serialize;

use crate::answer::{collect, json, whole};
use crate::error::{Error, quoted};

/// The default number of keys in a list.
const LIMIT: usize = 100;
/// The largest number of keys in a list.
const MAX_LIMIT: usize = 1000;

#[derive(Serialize)]
struct KeyList {
    keys: Vec<ListedKey>,
    more: bool,
}

#[derive(Serialize)]
struct ListedKey {
    key: String,
    version: u64,
    bytes: u64,
}

/// Answers a request; its method was checked before.
pub(crate) async fn answer(
    kv: &Kv,
    plugin: &PluginId,
    request: ServiceRequest,
) -> Result<Response<ServiceBody>, Error> {
    let Some(key) = request.param("key").map(str::to_owned) else {
        if request.method == Method::GET {
            return list(kv, plugin, request).await;
        }
        return Err(Error::Request { field: "parameter `key`", rule: "is required", found: "nothing".to_owned() });
    };
    match request.method {
        Method::PUT => put(kv, plugin, &key, request).await,
        Method::DELETE => delete(kv, plugin, &key, &request.headers).await,
        _ => match kv.get(plugin, &key).await? {
            Some(entry) => Ok(tagged(whole(StatusCode::OK, entry.value), entry.version)),
            None => Err(Error::KvNotFound { key }),
        },
    }
}

async fn put(kv: &Kv, plugin: &PluginId, key: &str, request: ServiceRequest) -> Result<Response<ServiceBody>, Error> {
    let condition = condition(&request.headers)?;
    let limit = kv.limits().max_value_bytes;
    let value = collect(request.body, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    let value = value.ok_or(Error::KvValueTooLong { limit: Size::new(limit) })?;
    let version = kv.put(plugin, key, value, condition).await?;
    Ok(tagged(whole(StatusCode::NO_CONTENT, ""), version))
}

async fn delete(kv: &Kv, plugin: &PluginId, key: &str, headers: &HeaderMap) -> Result<Response<ServiceBody>, Error> {
    let version = match condition(headers)? {
        Condition::Always => None,
        Condition::Version(version) => Some(version),
        Condition::Absent => {
            let found = "`*`".to_owned();
            return Err(Error::Request { field: "header `if-none-match`", rule: "cannot be used with DELETE", found });
        }
    };
    if kv.delete(plugin, key, version).await? {
        Ok(whole(StatusCode::NO_CONTENT, ""))
    } else {
        Err(Error::KvNotFound { key: key.to_owned() })
    }
}

async fn list(kv: &Kv, plugin: &PluginId, request: ServiceRequest) -> Result<Response<ServiceBody>, Error> {
    let limit = match request.param("limit") {
        None => LIMIT,
        Some(text) => text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or(Error::Request {
            field: "parameter `limit`",
            rule: "must be a number from 1 to 1000",
            found: quoted(text),
        })?,
    };
    let page = kv.list(plugin, request.param("prefix").unwrap_or_default(), request.param("after"), limit).await?;
    let listed = |key: host_state::Listed| ListedKey { key: key.key, version: key.version, bytes: key.bytes };
    Ok(json(&KeyList { keys: page.keys.into_iter().map(listed).collect(), more: page.more }))
}

/// The condition of `if-match: "<version>"` or `if-none-match: *`.
fn condition(headers: &HeaderMap) -> Result<Condition, Error> {
    let one = |name: HeaderName, field: &'static str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(String::from_utf8_lossy(value.as_bytes()).into_owned())),
            (Some(_), Some(_)) => {
                Err(Error::Request { field, rule: "must be given once", found: "several".to_owned() })
            }
        }
    };
    let has = one(header::IF_MATCH, "header `if-match`")?;
    let has_not = one(header::IF_NONE_MATCH, "header `if-none-match`")?;
    match (has, has_not) {
        (None, None) => Ok(Condition::Always),
        (None, Some(any)) if any.trim() == "*" => Ok(Condition::Absent),
        (None, Some(found)) => {
            Err(Error::Request { field: "header `if-none-match`", rule: "must be `*`", found: quoted(&found) })
        }
        (Some(tag), None) => match version(&tag) {
            Some(version) => Ok(Condition::Version(version)),
            None => Err(Error::Request {
                field: "header `if-match`",
                rule: "must be a quoted version, as in `etag`",
                found: quoted(&tag),
            }),
        },
        (Some(_), Some(found)) => Err(Error::Request {
            field: "header `if-none-match`",
            rule: "cannot be combined with `if-match`",
            found: quoted(&found),
        }),
    }
}

fn version(tag: &str) -> Option<u64> {
    let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn tagged(mut response: Response<ServiceBody>, version: u64) -> Response<ServiceBody> {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
