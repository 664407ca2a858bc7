//! A library that passed the gates, and its start.
#![expect(unsafe_code, reason = "calls the functions of a plugin's root")]

use std::sync::Arc;
use std::time::Duration;

use host_core::Manifest;
use host_core::manifest::RoutePath;
use host_store::{Artifact, Store};
use plugin_sdk_abi::{Chunk, Start};
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::error::CallError;
use crate::error::Panicked;
use crate::hook::{self, Hook};
use crate::hooks::Hooks;
use crate::host_table::new_host_handle;
use crate::instance::Instance;
use crate::ledger::Activity;
use crate::library::{self, Library, Opened};
use crate::own_thread::{Outcome, run};
use crate::services::Services;
use crate::{Error, LibraryHeader};

/// A library that passed the gates. Starting it makes an [`Instance`].
pub struct Module {
    library: Arc<Library>,
    header: LibraryHeader,
    routes: Vec<Route>,
    generation: u64,
    /// The handler of each endpoint of the manifest, in the manifest's order.
    handlers: Vec<u32>,
    hooks: Hooks,
}

/// A route, as the code declares it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// The name of the handler in plugin.yaml.
    pub handler: String,
    /// The method, in capitals.
    pub method: String,
    /// The path as written.
    pub path: String,
}

/// Options for starting a module.
pub struct StartOptions {
    /// The configuration, a JSON object.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The host services for the plugin.
    pub services: Arc<dyn Services>,
    /// The time limit of the start.
    pub timeout: Duration,
}

#[derive(Deserialize)]
struct Description {
    handlers: Vec<Route>,
    #[serde(default)]
    hooks: Vec<String>,
    /// True if one service of the plugin handles all endpoints.
    #[serde(default)]
    service: bool,
}

impl Module {
    /// Opens an artifact through the three gates, for the generation with this number, and compares its routes with
    /// `manifest`.
    ///
    /// # Errors
    /// The error of a gate; [`Error::StartTimedOut`] if a constructor of the library takes longer than `timeout`;
    /// [`Error::CodeDiffers`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the open continues and the library is closed afterwards.
    pub async fn open(
        store: &Store,
        artifact: &Artifact,
        manifest: &Manifest,
        generation: u64,
        timeout: Duration,
    ) -> Result<Module, Error> {
        let (store, artifact) = (store.clone(), artifact.clone());
        let label = format!("{}#{generation}", manifest.id);
        let runtime = Handle::current();
        let name = format!("open-{}", manifest.id);
        let work = move || async move {
            let opened = library::open(&store, &artifact, label, runtime)?;
            let _entered = opened.library.place(Activity::Open).enter();
            // SAFETY: the root passed the layout check, and `opened` holds it.
            let description = unsafe { (opened.library.root.description())() };
            let description = serde_json::from_slice::<Description>(&description).map_err(|error| {
                Error::BrokenHeader { reason: format!("its list of routes and hooks is invalid: {error}") }
            })?;
            Ok((opened, description))
        };
        let (opened, description) = match run(&name, timeout, work, drop).await {
            Outcome::Done(result) => result?,
            Outcome::TimedOut => return Err(Error::StartTimedOut { after: timeout }),
            Outcome::Lost => {
                return Err(Error::BrokenHeader {
                    reason: "the thread that opened the library ended early".to_owned(),
                });
            }
        };
        let Description { handlers: routes, hooks, service } = description;
        let handlers = if service { (0..).take(manifest.endpoints.len()).collect() } else { agree(manifest, &routes)? };
        let Opened { library, header } = opened;
        Ok(Module { library, header, routes, generation, handlers, hooks: Hooks::named(&hooks) })
    }

    /// The facts from the file.
    pub fn header(&self) -> &LibraryHeader {
        &self.header
    }

    /// The number of the generation for which the library was opened.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The routes of the code.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The handler that answers each endpoint of the manifest, in the manifest's order.
    pub fn handlers(&self) -> &[u32] {
        &self.handlers
    }

    /// Returns whether the code has this hook.
    pub fn has(&self, hook: &Hook) -> bool {
        self.hooks.has(hook.number())
    }

    /// Runs the `validate` hook with a configuration; succeeds if the code has no such hook.
    ///
    /// # Errors
    /// [`Error::ConfigurationRefused`].
    pub async fn validate(
        &self,
        configuration: &serde_json::Map<String, serde_json::Value>,
        timeout: Duration,
    ) -> Result<(), Error> {
        let judged = hook::validate(&self.library, self.hooks, configuration, timeout).await;
        judged.map_err(|error| Error::ConfigurationRefused { reason: error.to_string() })
    }

    /// Starts the plugin.
    ///
    /// # Errors
    /// [`Error::StartFailed`], [`Error::StartPanicked`], [`Error::StartTimedOut`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the start continues until its deadline; its result is stopped and dropped.
    pub async fn start(self, options: StartOptions) -> Result<Arc<Instance>, Error> {
        let StartOptions { configuration, services, timeout } = options;
        let generation = self.generation;
        let configuration = serde_json::Value::Object(configuration).to_string().into_bytes();
        let (library, hooks) = (self.library, self.hooks);
        let host = new_host_handle(services, &library);
        let name = format!("start-gen-{generation}");
        let work = move || async move {
            let _entered = library.place(Activity::Start).enter();
            let start = Start { host, configuration: Chunk::from_vec(configuration), generation };
            // SAFETY: the root passed the layout check, `library` holds it, and a module starts once.
            let started = unsafe { (library.root.start())(start) };
            match started.await.into_result() {
                // SAFETY: this library has just created the handle.
                Ok(handle) => Ok(unsafe { Instance::new(handle, library, hooks) }),
                // Copied here: the plugin's memory does not leave the guard.
                Err(failure) => Err(CallError::from(failure)),
            }
        };
        let late = move |started: Result<Instance, CallError>| {
            if let Ok(instance) = started {
                instance.stop_here(timeout);
            }
        };
        match run(&name, timeout, work, late).await {
            Outcome::Done(Ok(instance)) => Ok(Arc::new(instance)),
            Outcome::Done(Err(failure)) => Err(match failure {
                CallError::Panicked(panicked) => Error::StartPanicked(panicked),
                other => Error::StartFailed { message: other.to_string() },
            }),
            Outcome::TimedOut => Err(Error::StartTimedOut { after: timeout }),
            Outcome::Lost => Err(Error::StartPanicked(Panicked {
                message: "the start did not complete".to_owned(),
                location: String::new(),
            })),
        }
    }
}

/// The handler of each endpoint, if manifest and code declare the same routes.
fn agree(manifest: &Manifest, routes: &[Route]) -> Result<Vec<u32>, Error> {
    // Paths are compared in the form used by the router, so that `:name` and `{name}` are equal.
    let pattern =
        |path: &str| path.parse::<RoutePath>().map_or_else(|_| path.to_owned(), |path| path.pattern().to_owned());
    let routes = routes.iter().map(|route| (route, pattern(&route.path))).collect::<Vec<_>>();
    let mut differences = vec![];
    let mut handlers = vec![];
    for endpoint in &manifest.endpoints {
        let (method, path) = (endpoint.method.as_str(), endpoint.path.pattern());
        let found = routes.iter().position(|(route, pattern)| route.method == method && pattern == path);
        match found {
            None => differences.push(format!(
                "plugin.yaml has {method} {} (handler `{}`), but the code has no such route",
                endpoint.path.as_str(),
                endpoint.handler
            )),
            Some(index) if routes[index].0.handler != endpoint.handler => differences.push(format!(
                "for {method} {}, plugin.yaml names handler `{}`, but the code names `{}`",
                endpoint.path.as_str(),
                endpoint.handler,
                routes[index].0.handler
            )),
            Some(index) => handlers.push(index as u32),
        }
    }
    for (route, pattern) in &routes {
        let named = |endpoint: &host_core::manifest::Endpoint| {
            endpoint.method.as_str() == route.method && endpoint.path.pattern() == *pattern
        };
        if !manifest.endpoints.iter().any(named) {
            differences.push(format!(
                "the code has {} {} (handler `{}`), but plugin.yaml does not",
                route.method, route.path, route.handler
            ));
        }
    }
    if differences.is_empty() { Ok(handlers) } else { Err(Error::CodeDiffers { differences }) }
}
