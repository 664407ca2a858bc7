//! A plugin and its generations at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_call::{GenerationPhase, HealthReport, Life, Phase};
use host_core::configuration::Schema;
use host_core::manifest::Problem;
use host_core::{Desired, Manifest, PluginId};
use host_load::Crash;

use crate::model::{FirstLoad, UpdateReport};

/// A plugin at one moment.
#[derive(Clone, Debug)]
pub struct PluginView {
    /// The plugin.
    pub id: PluginId,
    /// The manifest; `None` during the first load.
    pub manifest: Option<Arc<Manifest>>,
    /// The configuration schema, which also marks secrets.
    pub schema: Schema,
    /// The schemas of request bodies, by their path in plugin.yaml.
    pub body_schemas: Arc<BTreeMap<String, Schema>>,
    /// The warnings of the check of plugin.yaml.
    pub warnings: Vec<Problem>,
    /// The operation that works on the plugin.
    pub operation: Option<CurrentOperation>,
    /// The current phase.
    pub phase: Phase,
    /// The desired state; `None` during the first load.
    pub desired: Option<Desired>,
    /// The revision of the desired state; 0 for none.
    pub revision: u64,
    /// The serving generation.
    pub generation: Option<u64>,
    /// All generations that have not ended, and the last ended ones.
    pub generations: Vec<GenerationView>,
    /// The health.
    pub health: HealthReport,
    /// The seconds since the start of the serving generation.
    pub uptime_seconds: f64,
    /// The requests answered since the start of the host.
    pub requests: u64,
    /// The responses with status 500 or higher.
    pub errors: u64,
    /// The number of consecutive failures to start or to work.
    pub failures_in_a_row: u32,
    /// The polls of handlers that took longer than `max_poll_ms`, since the host started.
    pub long_polls: u64,
    /// Whether calls are refused because health probes fail.
    pub circuit_is_open: bool,
    /// The result of the last check for updates of the installed version.
    pub update_report: Option<UpdateReport>,
    /// The newest crash of the host that the plugin has caused.
    pub last_crash: Option<Crash>,
    /// Code, message and time of the newest failure of an operation.
    pub last_error: Option<(&'static str, String, u64)>,
}

/// The operation that works on a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentOperation {
    /// The job.
    pub job: String,
    /// The name of the operation: `load`, `reload`, …
    pub name: &'static str,
    /// The time of the start, in milliseconds since the Unix epoch.
    pub started_unix_ms: u64,
    /// The plugin that is being installed, if it is its first load.
    pub first_load: Option<FirstLoad>,
}

/// A generation at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationView {
    /// The number.
    pub number: u64,
    /// The version of the plugin.
    pub version: String,
    /// The phase.
    pub phase: GenerationPhase,
    /// The calls in flight, until the last byte of the response.
    pub in_flight: usize,
    /// The requests routed to its endpoints.
    pub requests: u64,
    /// The reasons why the library of an ended generation is still in memory.
    pub held_by: Vec<String>,
    /// The size of the library's mapping in bytes; 0 if it is unmapped.
    pub mapped_bytes: usize,
    /// The heap memory of the plugin in bytes; `None` if the plugin does not count it.
    pub live_bytes: Option<u64>,
    /// The heap memory that was leaked when the library was unmapped, in bytes.
    pub left_bytes: Option<u64>,
    /// The time from the replacement to the unmapping.
    pub unmapped_after: Option<Duration>,
}

impl GenerationView {
    pub(super) fn new(life: &Life, in_flight: usize) -> GenerationView {
        GenerationView {
            number: life.number,
            version: life.version.clone(),
            phase: life.phase(),
            in_flight,
            requests: life.requests.load(Ordering::Relaxed),
            held_by: life.held_by(),
            mapped_bytes: life.watch.mapped_bytes(),
            live_bytes: life.watch.live_bytes(),
            left_bytes: life.watch.left_bytes(),
            unmapped_after: life.unmapped_after(),
        }
    }
}
