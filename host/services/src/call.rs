//! A plugin calls another one.

use host_core::PluginId;
use host_load::{ServiceAnswer, ServiceRequest};

use crate::error::{Error, quoted};

/// How deep calls may nest. A task that a plugin spawned belongs to no request, so its calls begin anew.
const MAX_DEPTH: u32 = 8;
/// How many calls of one generation may wait for their answers: what ends a circle that goes through spawned tasks.
pub(crate) const MAX_AT_ONCE: usize = 256;

/// Takes calls from one plugin to another; what runs plugins implements it.
pub trait CallPlugin: Send + Sync + 'static {
    /// Calls the endpoint that `request.path`, `/<plugin id>/<path>`, names. The id is a valid one; whether there is
    /// such a plugin, whether it serves, and what `caller` may call is for the implementation to say, in the answer.
    /// `request.depth` counts this call too: it is the depth of the call that is made.
    fn call(&self, caller: &PluginId, request: ServiceRequest) -> ServiceAnswer;
}

/// The request as [`CallPlugin::call`] takes it.
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
