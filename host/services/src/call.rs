//! Calls from one plugin to another.

use host_core::PluginId;
use host_load::{ServiceRequest, ServiceResponse};

use crate::error::{Error, quoted};

/// The deepest nesting of calls. A task that a plugin spawned belongs to no request, so its calls start at depth 0.
const MAX_DEPTH: u32 = 8;
/// The maximum number of concurrent calls of one generation. Ends cycles through spawned tasks, which the depth does
/// not count.
pub(crate) const MAX_AT_ONCE: usize = 256;

/// Performs calls from one plugin to another; the crate that runs plugins implements it.
pub trait CallPlugin: Send + Sync + 'static {
    /// Calls the endpoint that `request.path`, `/<plugin id>/<path>`, names. The id is valid; the implementation checks
    /// that the plugin is installed, that it serves and that `caller` may call it, and answers with a refusal
    /// otherwise. `request.depth` is the depth of the new call.
    fn call(&self, caller: &PluginId, request: ServiceRequest) -> ServiceResponse;
}

/// Checks depth and path of a request and prepares it for [`CallPlugin::call`].
pub(crate) fn checked(mut request: ServiceRequest) -> Result<ServiceRequest, Error> {
    if request.depth >= MAX_DEPTH {
        return Err(Error::CallLoop { limit: MAX_DEPTH });
    }
    request.depth += 1;
    let mut parts = request.path.strip_prefix('/').unwrap_or_default().splitn(2, '/');
    match (parts.next().map(str::parse::<PluginId>), parts.next()) {
        (Some(Ok(_)), Some(_)) => Ok(request),
        _ => Err(Error::CallPath { found: quoted(&request.path) }),
    }
}
