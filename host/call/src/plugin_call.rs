//! A call from one plugin to another: it is handled like a request from outside, but without a connection.

use host_core::PluginId;
use host_load::{ServiceBody, ServiceRequest};
use http::header::{AUTHORIZATION, COOKIE};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::caller::Caller;
use crate::generation::Admitted;
use crate::metrics::RefusalReason;
use crate::refusal::AdmissionRefusal;
use crate::refused_call::RefusedCall;
use crate::request::Request;
use crate::trace::Trace;

/// Performs a call of `caller` to the plugin that the path names. A refusal is a problem document, as for a caller from
/// outside. `admit` admits the call to the plugin of an id; `sample` says whether a trace that starts here is recorded.
///
/// # Cancel safety
/// Dropping the future ends the call.
pub async fn call_plugin(
    admit: impl FnOnce(&str) -> Result<Admitted, AdmissionRefusal> + Send,
    sample: bool,
    caller: &PluginId,
    request: ServiceRequest,
) -> Response<ServiceBody> {
    match try_call(admit, sample, caller, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_answer(),
    }
}

async fn try_call(
    admit: impl FnOnce(&str) -> Result<Admitted, AdmissionRefusal> + Send,
    sample: bool,
    caller: &PluginId,
    mut request: ServiceRequest,
) -> Result<Response<ServiceBody>, RefusedCall> {
    let path = request.path.strip_prefix('/').unwrap_or_default();
    let (id, path) = path.find('/').map_or((path, "/"), |at| path.split_at(at));
    let admitted = admit(id).map_err(|refusal| RefusedCall::admission(refusal, id))?;
    let routed = admitted.route(&request.method, path).map_err(|refusal| RefusedCall::route(refusal, id))?;
    let endpoint = &admitted.generation().manifest.endpoints[routed.endpoint];
    if endpoint.auth.required {
        // A plugin has an id, but no role.
        let detail = format!("the endpoint requires a caller with a token; plugin `{caller}` has none");
        admitted.refuse(RefusalReason::Auth);
        return Err(RefusedCall::new(StatusCode::FORBIDDEN, "auth_plugin", detail));
    }
    // The credentials of the calling plugin's own caller are not for the other plugin. A plugin that wants to pass them
    // on uses another header.
    request.headers.remove(AUTHORIZATION);
    request.headers.remove(COOKIE);
    // The trace continues under the span of the call that the calling plugin is handling.
    let trace = request.traceparent.as_deref().and_then(|value| Trace::child_of(value.as_bytes()));
    let trace = trace.unwrap_or_else(|| Trace::from_headers(&request.headers, sample));
    let actor = format!("plugin:{caller}");
    let request_id = match request.request_id.as_str() {
        "" => format!("plugin-{caller}"),
        id => id.to_owned(),
    };
    let call = Request {
        method: &request.method,
        path,
        query: request.query.as_deref(),
        headers: &request.headers,
        caller: Caller { peer: "", request_id: &request_id, depth: request.depth, actor: Some(&actor), trace },
        is_upgrade: false,
    };
    let answered = admitted.call(routed, call, request.body).await.map_err(|refusal| RefusedCall::call(&refusal))?;
    Ok(answered.map(|body| body.map_err(|error| error.to_string()).boxed_unsync()))
}
