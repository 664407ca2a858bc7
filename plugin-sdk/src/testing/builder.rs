//! How a plugin of a test is started.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use serde_json::{Value, json};

use super::host::Host;
use super::{Asked, TestFailure, TestPlugin};
use crate::export::crate_of;
use crate::{Bytes, IntoResponse, Level, Plugin};

/// Every permission there is.
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

/// How a plugin of a test is started; made by [`TestPlugin::builder`].
#[must_use = "the plugin is started by `start`"]
pub struct Builder<P> {
    pub(super) configuration: Value,
    pub(super) generation: u64,
    pub(super) is_paused: bool,
    pub(super) host: Host,
    plugin: PhantomData<fn() -> P>,
}

impl<P: Plugin> Builder<P> {
    pub(super) fn new() -> Builder<P> {
        let host = Host::new(crate_of::<P>().replace('_', "-"), PERMISSIONS.map(str::to_owned).into());
        Builder { configuration: json!({}), generation: 1, is_paused: false, host, plugin: PhantomData }
    }

    /// The configuration; `{}` without.
    pub fn configuration(mut self, configuration: Value) -> Self {
        self.configuration = configuration;
        self
    }

    /// The plugin's id, which the topics of its events start with; the name of its crate without.
    pub fn id(mut self, id: &str) -> Self {
        self.host.id = id.to_owned();
        self
    }

    /// The number of the generation; 1 without.
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Takes a permission away; without, the plugin has all.
    ///
    /// # Panics
    /// There is no such permission.
    pub fn without(mut self, permission: &str) -> Self {
        assert!(self.host.permissions.remove(permission), "`{permission}` is no permission, or was taken away before");
        self
    }

    /// Leaves these permissions and takes away all others.
    ///
    /// # Panics
    /// There is no such permission.
    pub fn only(mut self, permissions: &[&str]) -> Self {
        for permission in permissions {
            assert!(PERMISSIONS.contains(permission), "`{permission}` is no permission");
        }
        self.host.permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect::<BTreeSet<_>>();
        self
    }

    /// Gives the plugin a secret.
    pub fn secret(mut self, name: &str, secret: impl Into<Bytes>) -> Self {
        self.host.secrets.insert(name.to_owned(), secret.into());
        self
    }

    /// Puts an entry into the key-value store.
    pub fn kv(self, key: &str, value: impl Into<Bytes>) -> Self {
        self.host.store.put(key, value.into());
        self
    }

    /// Answers what the plugin asks of the world; without, that fails as when the world is not there.
    ///
    /// A panic in `answer` fails the test when the plugin is dropped.
    pub fn http<R: IntoResponse>(mut self, answer: impl Fn(&Asked) -> R + Send + Sync + 'static) -> Self {
        self.host.world = Box::new(move |asked| answer(asked).into_response());
        self
    }

    /// Answers what the plugin asks of other plugins; without, there are none.
    ///
    /// A panic in `answer` fails the test when the plugin is dropped.
    pub fn plugins<R: IntoResponse>(mut self, answer: impl Fn(&Asked) -> R + Send + Sync + 'static) -> Self {
        self.host.plugins = Box::new(move |asked| answer(asked).into_response());
        self
    }

    /// The most verbose level that is logged; all without.
    pub fn log_level(mut self, level: Level) -> Self {
        self.host.level = level.number();
        self
    }

    /// Lets the plugin's clock, that of `tokio::time`, stand still but for [`TestPlugin::advance`].
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
    /// What `#[start]` says, or its panic.
    pub async fn try_start(self) -> Result<TestPlugin<P>, TestFailure> {
        TestPlugin::of(self).await
    }
}

impl<P> std::fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Builder")
    }
}
