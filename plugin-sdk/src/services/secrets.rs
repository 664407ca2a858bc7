//! Secrets of the operator.

use std::fmt;
use std::sync::Arc;

use http::{Method, StatusCode};
use plugin_sdk_abi::service;

use super::ServiceError;
use super::ask::Ask;
use crate::Bytes;
use crate::plugin_runtime::PluginRuntime;

/// Secrets that the operator gave this plugin.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # async fn example(context: Context) -> Result<()> {
/// let key = context.secrets().get("shop-key").await?;
/// let request = context.http().get("https://shop.example/").header("authorization", key.text()?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Secrets {
    plugin_runtime: Arc<PluginRuntime>,
}

/// A secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Bytes);

impl Secrets {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Secrets {
        Secrets { plugin_runtime }
    }

    /// Returns the current value of the secret `name`.
    ///
    /// # Errors
    /// The permission `secrets.read` is missing, the secret does not exist ([`ServiceError::is_not_found`]), or the
    /// host failed.
    pub async fn get(&self, name: &str) -> Result<Secret, ServiceError> {
        let params = [("name", name)];
        let answer = Ask::new(service::SECRETS, Method::GET, &params).send_for_success(&self.plugin_runtime).await?;
        answer.bytes().await.map(Secret)
    }
}

impl Secret {
    /// The value.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value as text.
    ///
    /// # Errors
    /// Code `not_text` if the value is not UTF-8.
    pub fn text(&self) -> Result<&str, ServiceError> {
        std::str::from_utf8(&self.0).map_err(|_| {
            ServiceError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_text", "the secret is not UTF-8 text")
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}
