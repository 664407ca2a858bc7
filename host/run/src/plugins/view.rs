//! A plugin and its generations at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_call::{GenerationPhase, HealthReport, Life, Phase};
use host_core::configuration::Schema;
use host_core::manifest::Problem;
use host_core::{Desired, Manifest, PluginId};

use crate::model::UpdateReport;

/// A plugin at one moment.
#[derive(Clone, Debug)]
pub struct PluginView {
    /// The plugin.
    pub id: PluginId,
    /// Its manifest; `None` while its first load is on the way.
    pub manifest: Option<Arc<Manifest>>,
    /// What its configuration has to fit, and what of it is secret.
    pub schema: Schema,
    /// What bodies have to fit, by the path that plugin.yaml gives.
    pub body_schemas: Arc<BTreeMap<String, Schema>>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<Problem>,
    /// What is true now.
    pub phase: Phase,
    /// What was asked for; `None` while its first load is on the way.
    pub desired: Option<Desired>,
    /// The revision with which that was asked for; 0 for none.
    pub revision: u64,
    /// The generation that serves.
    pub generation: Option<u64>,
    /// All generations that have not ended, and the last that have.
    pub generations: Vec<GenerationView>,
    /// What its probes say.
    pub health: HealthReport,
    /// Seconds since the serving generation started.
    pub uptime_seconds: f64,
    /// Requests answered since the host started.
    pub requests: u64,
    /// Those with a status of 500 or more.
    pub errors: u64,
    /// How often in a row it failed to start or to work.
    pub failures_in_a_row: u32,
    /// Whether calls are refused because its probes say that it does not work.
    pub circuit_is_open: bool,
    /// What was found when its repository was asked last for newer versions of what is installed.
    pub update_report: Option<UpdateReport>,
    /// Code, message and time of the newest failure of an operation.
    pub last_error: Option<(&'static str, String, u64)>,
}

/// A generation at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationView {
    /// Its number.
    pub number: u64,
    /// Version of the plugin.
    pub version: String,
    /// Where it is in its life.
    pub phase: GenerationPhase,
    /// Calls not answered to their last byte.
    pub in_flight: usize,
    /// Requests that its endpoints were asked.
    pub requests: u64,
    /// What of it is left, when it has ended and is not unmapped.
    pub held_by: Vec<String>,
    /// Bytes of its library's mapping; 0 when it is unmapped.
    pub mapped_bytes: usize,
    /// Bytes of heap that the plugin holds; `None` when it does not count them.
    pub live_bytes: Option<u64>,
    /// Bytes of heap that it had when it was unmapped.
    pub left_bytes: Option<u64>,
    /// From the swap until it was unmapped.
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
