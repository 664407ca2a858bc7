//! Calls of other plugins.

use std::fmt;
use std::sync::Arc;

use http::Method;
use plugin_sdk_abi::service;

use super::HttpRequest;
use crate::plugin_runtime::PluginRuntime;

/// The other plugins of this host, called without the network.
///
/// A path starts with the plugin's id: for callers from outside, `/shop/orders` is
/// `/api/plugin-endpoints/shop/orders`. The rules of the called plugin apply as for any caller.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # async fn example(context: Context) -> Result<()> {
/// let stock: Value = context.plugins().get("/shop/stock").query("food", "tuna").send().await?.json().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Plugins {
    plugin_runtime: Arc<PluginRuntime>,
}

macro_rules! methods {
    ($($name:ident $method:ident,)*) => {$(
        #[doc = concat!("A ", stringify!($method), " request.")]
        pub fn $name(&self, path: impl Into<String>) -> HttpRequest {
            self.request(Method::$method, path)
        }
    )*};
}

impl Plugins {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Plugins {
        Plugins { plugin_runtime }
    }

    /// A request with any method, for `/<plugin id>/<path>`.
    pub fn request(&self, method: Method, path: impl Into<String>) -> HttpRequest {
        HttpRequest::new(self.plugin_runtime.clone(), service::CALL, method, path.into())
    }

    methods! { get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plugins")
    }
}
