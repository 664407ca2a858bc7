//! A plugin in a test.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use plugin_sdk_abi::{Chunk, PluginHandle, PluginRootRef, Start, hook as abi_hook};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::failure::ended;
use super::host::Host;
use super::routes::Routes;
use super::{LogLine, SentRequest, TestFailure, yield_now};
use crate::runtime::STARTS_PAUSED;
use crate::services::Published;
use crate::{Bytes, Plugin, export};

/// A started plugin, without a host around it.
pub struct TestPlugin<P: Plugin> {
    pub(super) started: Arc<Started<P>>,
    is_paused: bool,
}

/// The plugin itself; it lives as long as its requests.
pub(super) struct Started<P: Plugin> {
    pub(super) handle: PluginHandle,
    pub(super) host: Arc<Host>,
    pub(super) routes: Routes,
    plugin: PhantomData<fn() -> P>,
}

impl<P: Plugin> TestPlugin<P> {
    /// Runs the `#[validate]` hook with a configuration, as a host does before it starts anything.
    ///
    /// # Errors
    /// The error or panic of the hook.
    pub async fn validate(configuration: Value) -> Result<(), TestFailure> {
        let argument = Chunk::from_vec(configuration.to_string().into_bytes());
        let prepare = root::<P>().prepare().expect("this SDK has `prepare`");
        // SAFETY: the function belongs to this library and accepts any argument.
        let asked = unsafe { prepare(abi_hook::VALIDATE, argument) };
        ended(asked).await.map(drop)
    }

    /// Starts a plugin with the fake of the host that the builder has made.
    pub(super) async fn start_with(
        host: Host,
        configuration: &Value,
        generation: u64,
        is_paused: bool,
    ) -> Result<TestPlugin<P>, TestFailure> {
        let host = Arc::new(host);
        let start = Start {
            host: Host::handle(&host),
            configuration: Chunk::from_vec(configuration.to_string().into_bytes()),
            generation,
        };
        STARTS_PAUSED.set(is_paused);
        // SAFETY: the function is one of this library, and `start` is made as it wants it.
        let starting = unsafe { (root::<P>().start())(start) };
        STARTS_PAUSED.set(false);
        let handle = ended(starting).await?;
        let started = Arc::new(Started { handle, host, routes: Routes::new::<P>(), plugin: PhantomData });
        Ok(TestPlugin { started, is_paused })
    }

    /// Runs the `#[health]` hook.
    ///
    /// # Errors
    /// The error or panic of the hook.
    pub async fn health(&self) -> Result<(), TestFailure> {
        let PluginHandle { plugin, table } = self.started.handle;
        // SAFETY: handle and table belong together, and `started` has not released the plugin.
        ended(unsafe { (table.health())(plugin) }).await
    }

    /// Runs a hook by its name, such as `on_load`; `upgrade` expects `{"from": "1.0.0"}` and `uninstall` `{"keep_data":
    /// false}`.
    ///
    /// # Errors
    /// The error or panic of the hook.
    ///
    /// # Panics
    /// The hook does not exist, or the plugin does not have it.
    pub async fn hook(&self, name: &str, argument: Value) -> Result<(), TestFailure> {
        self.answer_hook(name, &argument).await.map(drop)
    }

    /// Changes the configuration as a host does: `#[validate]`, then `#[on_config_change]`. Returns `false` if the
    /// plugin cannot apply it live, so that a host would start a new generation.
    ///
    /// # Errors
    /// The error or panic of a hook.
    pub async fn change_configuration(&self, configuration: Value) -> Result<bool, TestFailure> {
        if P::HOOKS.contains(&"validate") {
            Self::validate(configuration.clone()).await?;
        }
        if !P::HOOKS.contains(&"on_config_change") {
            return Ok(false);
        }
        Ok(self.answer_hook("on_config_change", &configuration).await?["applied"] == true)
    }

    async fn answer_hook(&self, name: &str, argument: &Value) -> Result<Value, TestFailure> {
        let number = abi_hook::NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number);
        let number = number.filter(|number| *number != abi_hook::VALIDATE);
        let number = number.unwrap_or_else(|| panic!("there is no hook `{name}` of a started plugin"));
        assert!(P::HOOKS.contains(&name), "the plugin has no hook `{name}`; it has {:?}", P::HOOKS);
        let PluginHandle { plugin, table } = self.started.handle;
        let hook = table.hook().expect("this SDK has `hook`");
        // SAFETY: handle and table belong together, and `started` has not released the plugin.
        let asked = unsafe { hook(plugin, number, Chunk::from_vec(argument.to_string().into_bytes())) };
        let answer = ended(asked).await?;
        if answer.is_empty() {
            return Ok(json!({}));
        }
        Ok(serde_json::from_slice(&answer).expect("the SDK answers JSON"))
    }

    /// Advances the plugin's clock and lets waiting tasks run.
    ///
    /// # Panics
    /// The clock is not paused: see [`Builder::paused_clock`](super::Builder::paused_clock).
    pub async fn advance(&self, duration: Duration) {
        assert!(self.is_paused, "only a paused clock can be advanced: start the plugin with `paused_clock()`");
        self.settle(None).await;
        self.settle(Some(duration)).await;
    }

    /// Lets runnable tasks of the test and of the plugin run alternately.
    async fn settle(&self, mut advance: Option<Duration>) {
        // SAFETY: the handle is that of a plugin `P`, which `started` has not released.
        let handle = unsafe { export::runtime_of::<P>(self.started.handle.plugin) }.handle.clone();
        for _ in 0..8 {
            yield_now().await;
            let (sender, receiver) = oneshot::channel();
            let duration = advance.take();
            handle.spawn(async move {
                if let Some(duration) = duration {
                    tokio::time::advance(duration).await;
                }
                tokio::task::yield_now().await;
                // The test may have ended in the meantime.
                let _ = sender.send(());
            });
            // A runtime that has been shut down drops new tasks.
            let _ = receiver.await;
        }
    }

    /// The log lines of the plugin until now.
    pub fn logs(&self) -> Vec<LogLine> {
        self.started.host.logs()
    }

    /// The value that the plugin has stored under `key`.
    pub fn kv(&self, key: &str) -> Option<Bytes> {
        self.started.host.store.get(key)
    }

    /// All keys under which the plugin has stored values, in order.
    pub fn kv_keys(&self) -> Vec<String> {
        self.started.host.store.keys()
    }

    /// Writes a value under `key`, as if another generation had written it.
    pub fn put_kv(&self, key: &str, value: impl Into<Bytes>) {
        self.started.host.store.put(key, value.into());
    }

    /// The events that the plugin published.
    pub fn published(&self) -> Vec<Published> {
        self.started.host.topics.published()
    }

    /// Publishes an event as another plugin would, with `topic` as `<plugin id>/<topic>`, and returns the number of
    /// subscriptions of the plugin that received it.
    pub fn publish(&self, topic: &str, data: Value) -> usize {
        let plugin = topic.split('/').next().unwrap_or_default();
        self.started.host.topics.publish(plugin, topic, data, false)
    }

    /// The plugin's HTTP requests.
    pub fn fetched(&self) -> Vec<SentRequest> {
        self.started.host.fetched()
    }

    /// The plugin's calls to other plugins; each path starts with a plugin's id.
    pub fn called(&self) -> Vec<SentRequest> {
        self.started.host.called()
    }

    /// The value of a counter or gauge without labels; `None` if it has not been opened.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metric_with(name, &[])
    }

    /// The value of a counter or gauge with these labels.
    pub fn metric_with(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.started.host.metrics.value(name, labels)
    }

    /// The values observed in histograms of this name, with any labels.
    pub fn observed(&self, name: &str) -> Vec<f64> {
        self.started.host.metrics.observed(name)
    }

    /// Runs `#[stop]` and ends the plugin's tasks, as a host does. Returns the complete log.
    ///
    /// # Errors
    /// The error or panic of the hook.
    pub async fn stop(self) -> Result<Vec<LogLine>, TestFailure> {
        let PluginHandle { plugin, table } = self.started.handle;
        // SAFETY: handle and table belong together, and `started` has not released the plugin.
        ended(unsafe { (table.stop())(plugin) }).await?;
        Ok(self.logs())
    }
}

fn root<P: Plugin>() -> PluginRootRef {
    export::root_of::<P>()
}

impl<P: Plugin> Drop for Started<P> {
    fn drop(&mut self) {
        let PluginHandle { plugin, table } = self.handle;
        // SAFETY: handle and table belong together; every user of the handle holds `self`, so this is the last use.
        unsafe { (table.release())(plugin) };
        self.host.report_panics();
    }
}

impl<P: Plugin> fmt::Debug for TestPlugin<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestPlugin")
    }
}
