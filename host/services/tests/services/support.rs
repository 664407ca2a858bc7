//! A host with services, a plugin of it, and requests of that plugin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use host_core::manifest::Mode;
use host_core::{Manifest, PluginId};
use host_load::{LogEvent, LogLevel, ServiceBody, ServiceRequest, Services as _};
use host_services::{FetchConfig, HostServices, LogSink, PluginServices, SecretSource, Secrets, ServiceParts};
use host_state::{Limits, State};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tempfile::TempDir;

/// Every permission.
pub(crate) const ALL: &str = "permissions: [kv.read, kv.write, events.publish, events.subscribe, http.fetch, \
     plugins.call, secrets.read, metrics.write]\n";

pub(crate) struct TestHost {
    _folder: TempDir,
    pub(crate) services: HostServices,
    pub(crate) log: Arc<Log>,
}

/// The log lines of plugins.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Mutex<Vec<String>>,
}

impl LogSink for Log {
    fn log(&self, plugin: &PluginId, generation: u64, event: &LogEvent<'_>) {
        let line = format!("{plugin} {generation} {} {} {:?}", event.level.as_str(), event.message, event.fields);
        self.lines.lock().unwrap().push(line);
    }

    fn level(&self, _: &PluginId) -> LogLevel {
        LogLevel::Debug
    }
}

impl TestHost {
    pub(crate) async fn start() -> TestHost {
        TestHost::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServiceParts)) -> TestHost {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::<Log>::default();
        let limits = Limits { max_value_bytes: 1000, max_total_bytes: 3000, max_keys: 5, ..Limits::default() };
        let mut parts = ServiceParts {
            kv: State::open(folder.path()).await.unwrap().kv(limits),
            secrets: Secrets::default(),
            fetch: FetchConfig::default(),
            log: log.clone(),
        };
        change(&mut parts);
        TestHost { services: HostServices::new(parts), _folder: folder, log }
    }

    /// Allows fetches from these private servers.
    pub(crate) async fn fetching(private_hosts: &[&str]) -> TestHost {
        let private_hosts = private_hosts.iter().map(|host| host.parse().unwrap()).collect();
        TestHost::with(|parts| parts.fetch.private_hosts = private_hosts).await
    }

    /// A generation of plugin `id` with these fields in its plugin.yaml.
    pub(crate) fn plugin(&self, id: &str, fields: &str) -> Plugin {
        self.generation(id, 1, fields)
    }

    pub(crate) fn generation(&self, id: &str, generation: u64, fields: &str) -> Plugin {
        let text = format!(
            "id: {id}\nname: n\nversion: 1.0.0\ndescription: d\nauthor: a\n\
             endpoints: [{{path: /a, method: GET, handler: A}}]\n{fields}"
        );
        let checked = match Manifest::check(text.as_bytes(), Mode::Normal) {
            Ok(checked) => checked,
            Err(problems) => panic!("{problems:?}"),
        };
        Plugin { services: self.services.for_generation(&Arc::new(checked.manifest), generation) }
    }
}

pub(crate) fn secrets(sources: &[(&str, &str, SecretSource)]) -> Secrets {
    let entry = |(plugin, name, source): &(&str, &str, SecretSource)| {
        ((plugin.parse().unwrap(), (*name).to_owned()), source.clone())
    };
    Secrets::new(sources.iter().map(entry).collect::<BTreeMap<_, _>>())
}

#[derive(Clone)]
pub(crate) struct Plugin {
    pub(crate) services: Arc<PluginServices>,
}

impl Plugin {
    pub(crate) async fn send(&self, request: ServiceRequest) -> Response<ServiceBody> {
        self.services.request(request).await
    }

    /// Status, headers and whole body of a response.
    pub(crate) async fn ask(&self, request: ServiceRequest) -> Whole {
        let (head, body) = self.send(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Whole { status: head.status.as_u16(), headers: head.headers, body }
    }
}

#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Whole {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code and detail of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let text = |name: &str| problem[name].as_str().unwrap().to_owned();
        (self.status, text("code"), text("detail"))
    }
}

/// A request to a service, without parameters.
pub(crate) struct Ask(ServiceRequest);

pub(crate) fn ask(service: u32, method: &str) -> Ask {
    Ask(ServiceRequest {
        service,
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        path: "/".to_owned(),
        query: None,
        params: vec![],
        headers: HeaderMap::new(),
        request_id: "r-1".to_owned(),
        traceparent: None,
        depth: 0,
        timeout: None,
        body: ServiceBody::default(),
    })
}

impl Ask {
    pub(crate) fn param(mut self, name: &str, value: &str) -> Ask {
        self.0.params.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask {
        self.0.headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Ask {
        path.clone_into(&mut self.0.path);
        self
    }

    pub(crate) fn bytes(mut self, bytes: impl Into<Bytes>) -> Ask {
        self.0.body = Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync();
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut ServiceRequest)) -> Ask {
        change(&mut self.0);
        self
    }

    pub(crate) fn request(self) -> ServiceRequest {
        self.0
    }

    pub(crate) async fn of(self, plugin: &Plugin) -> Whole {
        plugin.ask(self.0).await
    }
}
