//! The key-value store.

use std::fmt;
use std::sync::Arc;

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use plugin_sdk_abi::service;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ServiceError;
use super::ask::{Answer, Ask};
use crate::plugin_runtime::PluginRuntime;
use crate::{Body, Bytes};

/// The plugin's own key-value store. It outlives reloads and upgrades.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Cat { name: String }
/// # async fn example(context: Context) -> Result<()> {
/// let kv = context.kv();
/// kv.put_json("cats/7", &Cat { name: "Zoe".to_owned() }).await?;
/// let cat: Option<Cat> = kv.get_json("cats/7").await?;
/// for key in kv.list("cats/").await?.keys {
///     kv.delete(&key.key).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Kv {
    plugin_runtime: Arc<PluginRuntime>,
}

/// A value with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// Changes whenever the value is written.
    pub version: Version,
}

/// The version of an entry, for [`Kv::put_if`] and [`Kv::delete_if`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(String);

/// Keys, in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Listing {
    /// The keys.
    pub keys: Vec<Key>,
    /// Whether there are more keys: pass the last key to [`Kv::list_after`].
    pub more: bool,
}

/// The metadata of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The key.
    pub key: String,
    /// The version of the entry.
    pub version: Version,
    /// The length of the value in bytes.
    pub bytes: u64,
}

impl Kv {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Kv {
        Kv { plugin_runtime }
    }

    /// Returns the entry of `key`, or `None`.
    ///
    /// # Errors
    /// The permission `kv.read` is missing, or the host failed.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, ServiceError> {
        let params = [("key", key)];
        let answer = match Ask::new(service::KV, Method::GET, &params).send_for_success(&self.plugin_runtime).await {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let version = version_of(&answer)?;
        Ok(Some(Entry { value: answer.bytes().await?, version }))
    }

    /// The entry under `key`, read as JSON.
    ///
    /// # Errors
    /// As for [`Kv::get`]; code `does_not_fit` if the value does not deserialize to `T`.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ServiceError> {
        match self.get(key).await? {
            None => Ok(None),
            Some(entry) => entry.json().map(Some),
        }
    }

    /// Writes a value unconditionally and returns its version.
    ///
    /// # Errors
    /// The permission `kv.write` is missing, a quota is reached (`kv_quota`, the detail names it), the key is invalid
    /// (`kv_bad_key`), or the host failed.
    pub async fn put(&self, key: &str, value: impl Into<Body>) -> Result<Version, ServiceError> {
        self.write(key, value.into(), None).await
    }

    /// Writes a value as JSON, like [`Kv::put`].
    ///
    /// # Errors
    /// As for [`Kv::put`]; the value does not serialize.
    pub async fn put_json(&self, key: &str, value: &impl Serialize) -> Result<Version, ServiceError> {
        self.write(key, json(value)?, None).await
    }

    /// Writes a value if the entry still has the version that was read.
    ///
    /// # Errors
    /// As for [`Kv::put`]; [`ServiceError::is_changed`] if the entry has a different version or was deleted.
    pub async fn put_if(&self, key: &str, value: impl Into<Body>, version: &Version) -> Result<Version, ServiceError> {
        self.write(key, value.into(), Some((IF_MATCH, version.header()?))).await
    }

    /// Writes a value as JSON, like [`Kv::put_if`].
    ///
    /// # Errors
    /// As for [`Kv::put_if`]; the value does not serialize.
    pub async fn put_json_if(
        &self,
        key: &str,
        value: &impl Serialize,
        version: &Version,
    ) -> Result<Version, ServiceError> {
        self.write(key, json(value)?, Some((IF_MATCH, version.header()?))).await
    }

    /// Writes a value if the key has no entry yet.
    ///
    /// # Errors
    /// As for [`Kv::put`]; [`ServiceError::is_changed`] when there is an entry.
    pub async fn put_new(&self, key: &str, value: impl Into<Body>) -> Result<Version, ServiceError> {
        self.write(key, value.into(), Some((IF_NONE_MATCH, HeaderValue::from_static("*")))).await
    }

    /// Removes an entry. `false`: there was none.
    ///
    /// # Errors
    /// The permission `kv.write` is missing, or the host failed.
    pub async fn delete(&self, key: &str) -> Result<bool, ServiceError> {
        self.remove(key, None).await
    }

    /// Removes an entry if it still has the version that was read. `false`: there was none.
    ///
    /// # Errors
    /// As for [`Kv::delete`]; [`ServiceError::is_changed`] if the entry has a different version.
    pub async fn delete_if(&self, key: &str, version: &Version) -> Result<bool, ServiceError> {
        self.remove(key, Some((IF_MATCH, version.header()?))).await
    }

    /// Lists the first page of the keys that start with `prefix`.
    ///
    /// # Errors
    /// The permission `kv.read` is missing, or the host failed.
    pub async fn list(&self, prefix: &str) -> Result<Listing, ServiceError> {
        self.keys(&[("prefix", prefix)]).await
    }

    /// The next keys that start with `prefix`: those after the key `after`, at most `limit`.
    ///
    /// # Errors
    /// As for [`Kv::list`].
    pub async fn list_after(&self, prefix: &str, after: &str, limit: usize) -> Result<Listing, ServiceError> {
        self.keys(&[("prefix", prefix), ("after", after), ("limit", &limit.to_string())]).await
    }

    async fn keys(&self, params: &[(&str, &str)]) -> Result<Listing, ServiceError> {
        let answer = Ask::new(service::KV, Method::GET, params).send_for_success(&self.plugin_runtime).await?;
        let bytes = answer.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| ServiceError::not_json("the host's list of keys", &error))
    }

    async fn write(&self, key: &str, body: Body, condition: Condition) -> Result<Version, ServiceError> {
        let params = [("key", key)];
        let mut ask = Ask::new(service::KV, Method::PUT, &params);
        ask.body = body;
        ask.headers.extend(condition);
        version_of(&ask.send_for_success(&self.plugin_runtime).await?)
    }

    async fn remove(&self, key: &str, condition: Condition) -> Result<bool, ServiceError> {
        let params = [("key", key)];
        let mut ask = Ask::new(service::KV, Method::DELETE, &params);
        ask.headers.extend(condition);
        match ask.send_for_success(&self.plugin_runtime).await {
            Err(error) if error.is_not_found() => Ok(false),
            answer => answer.map(|_| true),
        }
    }
}

type Condition = Option<(HeaderName, HeaderValue)>;

fn json(value: &impl Serialize) -> Result<Body, ServiceError> {
    let json = serde_json::to_vec(value);
    json.map(Body::from).map_err(|error| ServiceError::bad_request(format!("the value does not serialize: {error}")))
}

fn version_of(answer: &Answer) -> Result<Version, ServiceError> {
    let etag = answer.headers.get(ETAG).and_then(|etag| etag.to_str().ok());
    let version = etag.map(|etag| Version(etag.trim_matches('"').to_owned()));
    version.ok_or_else(|| ServiceError::new(StatusCode::BAD_GATEWAY, "host_failed", "the host returned no version"))
}

impl Entry {
    /// The value, read as JSON.
    ///
    /// # Errors
    /// Code `does_not_fit` if the value does not deserialize to `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        serde_json::from_slice(&self.value).map_err(|error| ServiceError::not_json("the value", &error))
    }
}

impl IntoIterator for Listing {
    type Item = Key;
    type IntoIter = std::vec::IntoIter<Key>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.into_iter()
    }
}

impl From<&str> for Version {
    /// A version that came back from outside, such as the `If-Match` of a caller; quotes around it are not part of it.
    fn from(text: &str) -> Version {
        Version(text.trim_matches('"').to_owned())
    }
}

impl Version {
    fn header(&self) -> Result<HeaderValue, ServiceError> {
        let value = HeaderValue::try_from(format!("\"{}\"", self.0));
        value.map_err(|error| ServiceError::bad_request(error.to_string()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        /// A version is a number or a text.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Read {
            Number(u64),
            Text(String),
        }
        #[derive(Deserialize)]
        struct Raw {
            key: String,
            version: Read,
            bytes: u64,
        }
        let Raw { key, version, bytes } = Raw::deserialize(deserializer)?;
        let version = match version {
            Read::Number(number) => number.to_string(),
            Read::Text(text) => text,
        };
        Ok(Key { key, version: Version(version), bytes })
    }
}

impl fmt::Debug for Kv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kv")
    }
}
