//! A plugin calls another: the same way as a request from outside, without the connection.

use host_core::PluginId;
use host_load::{ServiceBody, ServiceRequest};
use http::header::{AUTHORIZATION, COOKIE};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::call::{Caller, Request};
use crate::host::Host;
use crate::metrics::RefusalReason;
use crate::refused::RefusedCall;
use crate::trace::Trace;

impl Host {
    /// Answers a call of `caller` to the plugin that the path names. A refusal is a problem document, as for a caller
    /// outside.
    ///
    /// # Cancel safety
    /// Dropping the future ends the call.
    pub(crate) async fn call_plugin(&self, caller: &PluginId, request: ServiceRequest) -> Response<ServiceBody> {
        match self.try_call(caller, request).await {
            Ok(response) => response,
            Err(refused) => refused.into_answer(),
        }
    }

    async fn try_call(
        &self,
        caller: &PluginId,
        mut request: ServiceRequest,
    ) -> Result<Response<ServiceBody>, RefusedCall> {
        let path = request.path.strip_prefix('/').unwrap_or_default();
        let (id, path) = path.find('/').map_or((path, "/"), |at| path.split_at(at));
        let admitted = self.admit(id).map_err(|refusal| RefusedCall::admission(refusal, id))?;
        let routed = admitted.route(&request.method, path).map_err(|refusal| RefusedCall::route(refusal, id))?;
        let endpoint = &admitted.generation().manifest().endpoints[routed.endpoint];
        if endpoint.auth.required {
            // A plugin has a name, and no role.
            let detail = format!("the endpoint requires a caller with a token; plugin `{caller}` has none");
            admitted.refuse(RefusalReason::Auth);
            return Err(RefusedCall::new(StatusCode::FORBIDDEN, "auth_plugin", detail));
        }
        // What the caller was trusted with is not the other plugin's to see, unless it is passed on under another name.
        request.headers.remove(AUTHORIZATION);
        request.headers.remove(COOKIE);
        // The trace goes on under the span of the call that the plugin answers meanwhile.
        let trace = request.traceparent.as_deref().and_then(|value| Trace::child_of(value.as_bytes()));
        let trace = trace.unwrap_or_else(|| self.trace_of(&request.headers));
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
            body: request.body,
        };
        let answered = admitted.call(routed, call).await.map_err(|refusal| RefusedCall::call(&refusal))?;
        Ok(answered.map(|body| body.map_err(|error| error.to_string()).boxed_unsync()))
    }
}
