//! The builder of a test plugin.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use serde_json::{Value, json};

use super::host::Host;
use super::{SentRequest, TestFailure, TestPlugin};
use crate::export::crate_of;
use crate::{Bytes, IntoResponse, Level, Plugin};

/// All permissions.
const PERMISSIONS: [&str; 8] = [
    "kv.read",
    "kv.write",
    "events.publish",
    "events.subscribe",
    "http.fetch",
    "plugins.call",
    "secrets.read",
    "metrics.write",
];

/// Configures and starts a test plugin; created by [`TestPlugin::builder`].
#[must_use = "the plugin is started by `start`"]
pub struct Builder<P> {
    configuration: Value,
    generation: u64,
    is_paused: bool,
    host: Host,
    plugin: PhantomData<fn() -> P>,
}

impl<P: Plugin> TestPlugin<P> {
    /// Starts the plugin with an empty configuration and all permissions.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start() -> TestPlugin<P> {
        Self::builder().start().await
    }

    /// Returns a builder to start the plugin with other settings.
    pub fn builder() -> Builder<P> {
        Builder::new()
    }
}

impl<P: Plugin> Builder<P> {
    fn new() -> Builder<P> {
        let host = Host::new(crate_of::<P>().replace('_', "-"), PERMISSIONS.map(str::to_owned).into());
        Builder { configuration: json!({}), generation: 1, is_paused: false, host, plugin: PhantomData }
    }

    /// The configuration; `{}` by default.
    pub fn configuration(mut self, configuration: Value) -> Self {
        self.configuration = configuration;
        self
    }

    /// The plugin's id, the prefix of its event topics; by default the name of its crate.
    pub fn id(mut self, id: &str) -> Self {
        self.host.id = id.to_owned();
        self
    }

    /// The generation number; 1 by default.
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Removes a permission; by default the plugin has all.
    ///
    /// # Panics
    /// The permission does not exist.
    pub fn without(mut self, permission: &str) -> Self {
        assert!(self.host.permissions.remove(permission), "`{permission}` is not a permission, or was removed before");
        self
    }

    /// Keeps only these permissions.
    ///
    /// # Panics
    /// A permission does not exist.
    pub fn only(mut self, permissions: &[&str]) -> Self {
        for permission in permissions {
            assert!(PERMISSIONS.contains(permission), "`{permission}` is not a permission");
        }
        self.host.permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect::<BTreeSet<_>>();
        self
    }

    /// Sets a secret.
    pub fn secret(mut self, name: &str, secret: impl Into<Bytes>) -> Self {
        self.host.secrets.insert(name.to_owned(), secret.into());
        self
    }

    /// Puts an entry into the key-value store.
    pub fn kv(self, key: &str, value: impl Into<Bytes>) -> Self {
        self.host.store.put(key, value.into());
        self
    }

    /// Answers the plugin's HTTP requests; without it they fail as without a network.
    ///
    /// A panic in `answer` fails the test when the plugin is dropped.
    pub fn http<R: IntoResponse>(mut self, answer: impl Fn(&SentRequest) -> R + Send + Sync + 'static) -> Self {
        self.host.world = Box::new(move |asked| answer(asked).into_response());
        self
    }

    /// Answers the plugin's calls to other plugins; without it there are no other plugins.
    ///
    /// A panic in `answer` fails the test when the plugin is dropped.
    pub fn plugins<R: IntoResponse>(mut self, answer: impl Fn(&SentRequest) -> R + Send + Sync + 'static) -> Self {
        self.host.plugins = Box::new(move |asked| answer(asked).into_response());
        self
    }

    /// The most verbose level that is logged; every level by default.
    pub fn log_level(mut self, level: Level) -> Self {
        self.host.level = level.number();
        self
    }

    /// Pauses the plugin's `tokio::time` clock; only [`TestPlugin::advance`] moves it.
    pub fn paused_clock(mut self) -> Self {
        self.is_paused = true;
        self
    }

    /// Starts the plugin.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(self) -> TestPlugin<P> {
        match self.try_start().await {
            Ok(plugin) => plugin,
            Err(failure) => panic!("the plugin does not start: {failure}"),
        }
    }

    /// Starts the plugin, which may fail.
    ///
    /// # Errors
    /// The error or panic of `#[start]`.
    pub async fn try_start(self) -> Result<TestPlugin<P>, TestFailure> {
        TestPlugin::start_with(self.host, &self.configuration, self.generation, self.is_paused).await
    }
}

impl<P> std::fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Builder")
    }
}
