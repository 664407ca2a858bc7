//! The metrics of plugins, and their export as Prometheus text.
//!
//! A plugin's metric `name` is exported as `plugin_<name>` with the label `plugin`. Prometheus allows one kind per
//! name, so the first plugin that opens a name determines its kind until no plugin uses the name. If another plugin
//! uses the name for another kind, its series are exported as `plugin_<name>_<kind>`. The series of a plugin continue
//! across its generations and are removed when it is unloaded.

mod names;
mod series;

use std::collections::BTreeMap;
use std::sync::Arc;

use host_core::PluginId;
use host_load::{MetricDefinition, MetricKind};
use names::Names;
use parking_lot::{Mutex, MutexGuard};
use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder as _, IntCounterVec, Opts, TextEncoder};
use series::Series;

pub(crate) use series::SeriesOfPlugin;

/// The metrics of all plugins.
pub struct PluginMetrics {
    inner: Mutex<Inner>,
    ignored: IntCounterVec,
}

#[derive(Default)]
struct Inner {
    plugins: BTreeMap<PluginId, Arc<SeriesOfPlugin>>,
    names: Names,
}

impl Default for PluginMetrics {
    fn default() -> PluginMetrics {
        let ignored = Opts::new(
            "plugin_host_measures_ignored_total",
            "Ignored measurements of a plugin: a decreasing counter, a non-finite number, or a wrong operation",
        );
        let ignored = IntCounterVec::new(ignored, &["plugin"]).expect("name and label are constants");
        PluginMetrics { inner: Mutex::default(), ignored }
    }
}

impl PluginMetrics {
    /// The series of a plugin, shared by all its generations.
    pub(crate) fn for_plugin(&self, plugin: &PluginId) -> Arc<SeriesOfPlugin> {
        let mut inner = self.lock();
        let new = || Arc::new(SeriesOfPlugin::new(plugin.clone(), self.ignored.with_label_values(&[plugin.as_str()])));
        inner.plugins.entry(plugin.clone()).or_insert_with(new).clone()
    }

    /// Opens a series, or finds the open series of the same name and labels. A histogram with changed buckets starts
    /// from zero.
    ///
    /// # Errors
    /// The problem with the definition, in one sentence.
    pub(crate) fn open(&self, plugin: &SeriesOfPlugin, definition: &MetricDefinition) -> Result<u64, String> {
        names::check(definition)?;
        // The lock also prevents two generations from opening the same series twice.
        let mut inner = self.lock();
        match plugin.find(definition)? {
            Some((number, true)) => return Ok(number),
            Some((number, false)) => return plugin.replace(number, definition).map(|()| number),
            None => {}
        }
        let shown = inner.names.claim(&definition.name, definition.kind);
        let opened = Series::new(&shown, plugin.id(), definition).map(|series| plugin.add(series));
        if opened.is_err() {
            inner.names.release(&shown);
        }
        opened
    }

    /// Removes all series of an unloaded plugin. Later measurements of its generations are not exported.
    pub fn forget(&self, plugin: &PluginId) {
        let mut inner = self.lock();
        if let Some(series) = inner.plugins.remove(plugin) {
            for shown in series.shown_names() {
                inner.names.release(&shown);
            }
        }
        let _ = self.ignored.remove_label_values(&[plugin.as_str()]);
    }

    /// All metrics as Prometheus text.
    pub fn render(&self) -> String {
        let mut text = vec![];
        // Writing into memory does not fail.
        let _ = TextEncoder::new().encode(&self.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// All metrics, to be exported after those of the host.
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        let collected = {
            let inner = self.lock();
            let series = inner.plugins.values().flat_map(|plugin| plugin.collect());
            series.chain(self.ignored.collect()).collect::<Vec<_>>()
        };
        for mut family in collected {
            match families.get_mut(family.name()) {
                Some(first) => first.mut_metric().extend(family.take_metric()),
                None => {
                    families.insert(family.name().to_owned(), family);
                }
            }
        }
        // The encoder fails on a family without samples.
        families.into_values().filter(|family| !family.get_metric().is_empty()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

/// The name of a kind.
fn word(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    }
}
