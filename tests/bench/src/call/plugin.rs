//! Plugins in this process, and requests to them.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use host_core::Manifest;
use host_core::manifest::Mode;
use host_load::{Instance, Module, PluginResponse, StartOptions};
use host_load::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, ServiceBody, ServiceRequest, ServiceResponse, Services,
};
use host_store::{Provenance, Store};
use http::{HeaderMap, HeaderValue, header};
use plugin_sdk_abi::head::Head;

use super::ready;
use crate::Result;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Names and values, as the head of a request holds them.
type Pairs = &'static [(&'static [u8], &'static [u8])];

/// A plugin that runs, and the numbers of its handlers.
pub(super) struct Plugin {
    instance: Arc<Instance>,
    manifest: Manifest,
    handlers: Vec<u32>,
}

/// One request to a plugin.
pub(super) struct Request<'a> {
    plugin: &'a Plugin,
    method: &'static str,
    path: &'static str,
    params: Pairs,
    body: Bytes,
    handler: u32,
    /// Written before, to be copied.
    pub(super) head: Vec<u8>,
}

/// Starts a plugin, which is its folder and its built library.
pub(super) async fn start(store: &Store, (folder, library): (&str, &str)) -> Result<Plugin> {
    let text = fs::read(Path::new(folder).join("plugin.yaml"))?;
    let manifest = Manifest::check(&text, Mode::Normal).map_err(|problems| format!("{folder}: {problems:?}"))?.manifest;
    let provenance = Provenance::of_file(Path::new(folder));
    let artifact = store.put_artifact(Path::new(library), &text, host_store::Schemas::default(), &provenance)?;
    let module = Module::open(store, &artifact, &manifest, 1, TIMEOUT).await?;
    let handlers = module.handlers().to_vec();
    let options = StartOptions {
        configuration: manifest.configuration.clone(),
        services: Arc::new(NoServices),
        timeout: TIMEOUT,
    };
    Ok(Plugin { instance: module.start(options).await?, manifest, handlers })
}

/// A host that takes log events of the usual levels, does nothing with them, and has no services.
struct NoServices;

impl Services for NoServices {
    fn log(&self, event: &LogEvent<'_>) {
        black_box(event);
    }

    fn log_level(&self) -> LogLevel {
        LogLevel::Info
    }

    fn metric(&self, _: &MetricDefinition) -> std::result::Result<u64, String> {
        Err("there are no metrics here".to_owned())
    }

    fn measure(&self, _: u64, _: MeasureOperation, _: f64) {}

    fn request(&self, request: ServiceRequest) -> ServiceResponse {
        panic!("the handlers that are measured ask for nothing, not for {}", request.path)
    }

    fn ended(&self) -> http::Response<ServiceBody> {
        panic!("nothing of a plugin outlives the measurement")
    }
}

impl<'a> Request<'a> {
    pub(super) fn get(plugin: &'a Plugin, path: &'static str) -> Result<Request<'a>> {
        Request::new(plugin, "GET", path, path, &[], Bytes::new())
    }

    /// A request to the endpoint `pattern` of plugin.yaml, as a caller would send it to `path`.
    pub(super) fn new(
        plugin: &'a Plugin,
        method: &'static str,
        pattern: &str,
        path: &'static str,
        params: Pairs,
        body: Bytes,
    ) -> Result<Request<'a>> {
        let endpoint = plugin.manifest.endpoints.iter().position(|endpoint| endpoint.path.as_str() == pattern);
        let handler = plugin.handlers[endpoint.ok_or_else(|| format!("no plugin has {pattern}"))?];
        let mut request = Request { plugin, method, path, params, body, handler, head: vec![] };
        request.head = request.written_head();
        Ok(request)
    }

    /// The head of a request as wrk sends it and the host passes it on.
    pub(super) fn written_head(&self) -> Vec<u8> {
        let headers: [(&[u8], &[u8]); 3] =
            [(b"host", b"127.0.0.1:4000"), (b"content-type", b"application/json"), (b"content-length", b"29")];
        Head {
            handler: self.handler,
            deadline_ms: Some(30_000),
            method: self.method,
            path: self.path,
            query: None,
            peer: "127.0.0.1:50000",
            request_id: "0a1b2c3d-10e8a1",
            params: self.params.iter().copied(),
            headers: headers.into_iter().take(if self.body.is_empty() { 1 } else { 3 }),
            context: std::iter::empty(),
        }
        .write()
    }

    /// Calls the plugin and reads the head of its answer.
    pub(super) fn call(&self, head: Vec<u8>) -> PluginResponse {
        ready(self.plugin.instance.call(head, self.body.clone(), None))
            .expect("the handlers that are measured do not fail")
    }

    /// Calls a plugin whose handler does not answer at once, and waits on this thread.
    pub(super) fn wait(&self, runtime: &tokio::runtime::Runtime) -> PluginResponse {
        runtime
            .block_on(self.plugin.instance.call(self.head.clone(), self.body.clone(), None))
            .expect("the handlers that are measured do not fail")
    }

    /// A fast wrong answer is worth nothing.
    pub(super) fn check(&self, status: u16, body: &[u8]) -> Result<()> {
        use axum::body::HttpBody as _;
        let mut answer = self.call(self.head.clone());
        let frame = Pin::new(&mut answer.body).poll_frame(&mut Context::from_waker(Waker::noop()));
        let found = match frame {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            _ => Bytes::new(),
        };
        let expected_headers: HeaderMap = match status {
            200 => [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect(),
            _ => HeaderMap::new(),
        };
        if (answer.status.as_u16(), &found[..], &answer.headers) != (status, body, &expected_headers) {
            return Err(format!("the plugin answered {} {:?} {found:?}", answer.status, answer.headers).into());
        }
        Ok(())
    }
}
