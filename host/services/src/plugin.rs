//! The services of one generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_core::{Manifest, Permission};
use host_load::{
    LogEvent, LogLevel, MeasureOperation, MetricDefinition, ServiceBody, ServiceRequest, ServiceResponse, Services,
    service,
};
use http::Response;
use tokio::sync::Semaphore;

use crate::answer::refusal;
use crate::events::Owner;
use crate::fetch::Fetcher;
use crate::metrics::SeriesOfPlugin;
use crate::shared::Shared;
use crate::{Error, call, events, kv, permission, secrets};

/// The services of one generation, as the boundary calls them.
pub struct PluginServices {
    shared: Arc<Shared>,
    manifest: Arc<Manifest>,
    generation: u64,
    /// Identifies the subscriptions of this generation.
    owner: Owner,
    series: Arc<SeriesOfPlugin>,
    fetcher: Fetcher,
    is_closed: Arc<AtomicBool>,
    /// Limits the concurrent calls to other plugins.
    calls: Arc<Semaphore>,
}

impl PluginServices {
    pub(crate) fn new(shared: Arc<Shared>, manifest: Arc<Manifest>, generation: u64) -> PluginServices {
        let series = shared.metrics.for_plugin(&manifest.id);
        let fetcher = Fetcher::new(&shared.parts.fetch, &shared.tls, &manifest.security);
        PluginServices {
            shared,
            manifest,
            generation,
            owner: Owner::default(),
            series,
            fetcher,
            is_closed: Arc::default(),
            calls: Arc::new(Semaphore::new(call::MAX_AT_ONCE)),
        }
    }

    /// Ends the event streams of this generation, after their queued events; the generation cannot subscribe again. The
    /// other services still work, for the hooks that run while a generation ends.
    pub fn end(&self) {
        self.shared.bus.end(&self.owner);
    }

    /// Refuses every request except log lines from now on. The generation has ended, and a thread that it left behind
    /// must not act for the plugin, which may have been replaced, or removed with its data.
    pub fn close(&self) {
        self.end();
        self.is_closed.store(true, Ordering::Release);
    }

    fn check_open(is_closed: &AtomicBool) -> Result<(), Error> {
        if is_closed.load(Ordering::Acquire) { Err(Error::Gone) } else { Ok(()) }
    }

    async fn answer(
        shared: &Shared,
        manifest: &Manifest,
        fetcher: &Fetcher,
        owner: &Owner,
        at_once: &Semaphore,
        request: ServiceRequest,
    ) -> Result<Response<ServiceBody>, Error> {
        permission::check(manifest, request.service, &request.method)?;
        match request.service {
            service::KV => kv::answer(&shared.parts.kv, &manifest.id, request).await,
            service::EVENTS => events::answer(&shared.bus, &manifest.id, owner, request).await,
            service::FETCH => fetcher.answer(request).await,
            service::CALL => {
                let request = call::checked(request)?;
                let calls = shared.calls.get().ok_or(Error::CallUnavailable)?;
                let _waits = at_once.try_acquire().map_err(|_| Error::TooManyCalls { limit: call::MAX_AT_ONCE })?;
                Ok(calls.call(&manifest.id, request).await)
            }
            service::SECRETS => secrets::answer(&shared.parts.secrets, &manifest.id, request).await,
            service => Err(Error::NoService { service }),
        }
    }
}

impl Services for PluginServices {
    fn log(&self, event: &LogEvent<'_>) {
        self.shared.parts.log.log(&self.manifest.id, self.generation, event);
    }

    fn log_level(&self) -> LogLevel {
        self.shared.parts.log.level(&self.manifest.id)
    }

    fn metric(&self, definition: &MetricDefinition) -> Result<u64, String> {
        PluginServices::check_open(&self.is_closed).map_err(|error| error.to_string())?;
        permission::permit(&self.manifest, Permission::MetricsWrite).map_err(|error| error.to_string())?;
        self.shared.metrics.open(&self.series, definition)
    }

    fn measure(&self, metric: u64, operation: MeasureOperation, value: f64) {
        self.series.measure(metric, operation, value);
    }

    fn request(&self, request: ServiceRequest) -> ServiceResponse {
        // The future may outlive the borrow of `self`.
        let shared = self.shared.clone();
        let manifest = self.manifest.clone();
        let fetcher = self.fetcher.clone();
        let owner = self.owner.clone();
        let is_closed = self.is_closed.clone();
        let calls = self.calls.clone();
        Box::pin(async move {
            let answer = match PluginServices::check_open(&is_closed) {
                Ok(()) => PluginServices::answer(&shared, &manifest, &fetcher, &owner, &calls, request).await,
                Err(gone) => Err(gone),
            };
            answer.unwrap_or_else(|error| {
                error.report(&manifest.id);
                refusal(&error)
            })
        })
    }

    fn ended(&self) -> Response<ServiceBody> {
        refusal(&Error::Gone)
    }
}

impl Drop for PluginServices {
    fn drop(&mut self) {
        self.end();
    }
}
