//! Hooks of a plugin, as called by the host.
#![expect(unsafe_code, reason = "calls the functions of a plugin's root and table")]

use std::sync::Arc;
use std::time::Duration;

use plugin_sdk_abi::{Chunk, Failure, FfiFuture, PluginHandle, RResult, hook};
use serde_json::{Map, Value, json};

use crate::error::CallError;
use crate::hooks::Hooks;
use crate::instance::Instance;
use crate::kind::GuardKind;
use crate::ledger::{Activity, Place};
use crate::library::Library;
use crate::own_thread::{Outcome, run};

/// A hook that a started plugin may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Hook {
    /// The plugin is installed for the first time.
    Install,
    /// The plugin is started in place of another version.
    Upgrade {
        /// The version that was installed before.
        from: String,
    },
    /// The plugin is about to be removed.
    Uninstall {
        /// Whether the plugin's stored data is kept.
        keep_data: bool,
    },
    /// The plugin receives calls from now on.
    OnLoad,
    /// The plugin receives no new calls.
    OnUnload,
    /// The metrics of the plugin are about to be read.
    Metrics,
}

impl Hook {
    pub(crate) fn number(&self) -> u32 {
        match self {
            Hook::Install => hook::INSTALL,
            Hook::Upgrade { .. } => hook::UPGRADE,
            Hook::Uninstall { .. } => hook::UNINSTALL,
            Hook::OnLoad => hook::ON_LOAD,
            Hook::OnUnload => hook::ON_UNLOAD,
            Hook::Metrics => hook::METRICS,
        }
    }

    /// The name of the hook in the SDK, such as `on_load`.
    pub fn name(&self) -> &'static str {
        name_of(self.number())
    }

    fn argument(&self) -> Value {
        match self {
            Hook::Upgrade { from } => json!({ "from": from }),
            Hook::Uninstall { keep_data } => json!({ "keep_data": keep_data }),
            Hook::Install | Hook::OnLoad | Hook::OnUnload | Hook::Metrics => json!({}),
        }
    }
}

fn name_of(number: u32) -> &'static str {
    hook::NAMES.iter().find(|(known, _)| *known == number).map_or("hook", |(_, name)| name)
}

impl Instance {
    /// Returns whether the plugin's code has this hook.
    pub fn has(&self, hook: &Hook) -> bool {
        self.hooks().has(hook.number())
    }

    /// Runs a hook; does nothing if the code does not have it.
    ///
    /// # Errors
    /// The error or panic of the hook, or [`CallError::TimedOut`].
    pub async fn run_hook(self: &Arc<Self>, hook: &Hook, timeout: Duration) -> Result<(), CallError> {
        self.answer_hook(hook.number(), &hook.argument(), timeout).await.map(drop)
    }

    /// Returns whether the plugin has the `validate` hook.
    pub fn validates(&self) -> bool {
        self.hooks().has(hook::VALIDATE)
    }

    /// Runs the `validate` hook with a configuration; succeeds if the plugin has no such hook.
    ///
    /// # Errors
    /// As [`Instance::run_hook`].
    pub async fn validate(
        self: &Arc<Self>,
        configuration: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<(), CallError> {
        validate(self.library(), self.hooks(), configuration, timeout).await
    }

    /// Informs the plugin of a new configuration. Returns `false` if only a new generation can use it.
    ///
    /// # Errors
    /// As [`Instance::run_hook`].
    pub async fn change_configuration(
        self: &Arc<Self>,
        configuration: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<bool, CallError> {
        let argument = Value::Object(configuration.clone());
        let answer = self.answer_hook(hook::ON_CONFIG_CHANGE, &argument, timeout).await?;
        Ok(answer.is_some_and(|answer| answer["applied"] == true))
    }

    /// Runs a hook and returns its answer; `None` if the code does not have this hook.
    async fn answer_hook(
        self: &Arc<Self>,
        number: u32,
        argument: &Value,
        timeout: Duration,
    ) -> Result<Option<Value>, CallError> {
        if !self.hooks().has(number) {
            return Ok(None);
        }
        let argument = argument.to_string().into_bytes();
        let (instance, hold) = (self.clone(), self.hold(GuardKind::Hook));
        let ask = move || {
            let PluginHandle { plugin, table } = instance.handle();
            // SAFETY: handle and table belong together, and `instance` keeps the plugin from being released.
            let future = table.hook().map(|hook| unsafe { hook(plugin, number, Chunk::from_vec(argument)) });
            (future, (instance, hold))
        };
        answer(number, timeout, self.library().place(Activity::Hook), ask).await
    }
}

/// Runs the `validate` hook of a library.
pub(crate) async fn validate(
    library: &Arc<Library>,
    hooks: Hooks,
    configuration: &Map<String, Value>,
    timeout: Duration,
) -> Result<(), CallError> {
    if !hooks.has(hook::VALIDATE) {
        return Ok(());
    }
    let argument = Value::Object(configuration.clone()).to_string().into_bytes();
    let (library, place) = (library.clone(), library.place(Activity::Hook));
    let ask = move || {
        let prepare = library.root.prepare();
        // SAFETY: the root passed the layout check, and `library` holds it.
        let future = prepare.map(|prepare| unsafe { prepare(hook::VALIDATE, Chunk::from_vec(argument)) });
        (future, library)
    };
    answer(hook::VALIDATE, timeout, place, ask).await.map(drop)
}

/// Runs a hook, which may block, on a separate thread. `held` is dropped after the hook's future.
async fn answer<H: Send + 'static>(
    number: u32,
    timeout: Duration,
    place: Place,
    ask: impl FnOnce() -> (Option<FfiFuture<RResult<Chunk, Failure>>>, H) + Send + 'static,
) -> Result<Option<Value>, CallError> {
    let name = name_of(number);
    let work = move || async move {
        let _entered = place.enter();
        let (future, held) = ask();
        let answer = match future {
            None => None,
            // Copied here: the plugin's memory does not leave the guard.
            Some(future) => Some(future.await.into_result().map(|chunk| chunk.to_vec()).map_err(CallError::from)),
        };
        drop(held);
        answer.transpose()
    };
    let answer = match run(name, timeout, work, drop).await {
        Outcome::Done(answer) => answer?,
        Outcome::TimedOut => return Err(CallError::TimedOut { after: timeout }),
        Outcome::Lost => return Err(CallError::Failed(format!("the {name} hook did not complete"))),
    };
    match answer.as_deref() {
        None => Ok(None),
        Some([]) => Ok(Some(json!({}))),
        Some(json) => serde_json::from_slice(json)
            .map(Some)
            .map_err(|error| CallError::Failed(format!("the {name} hook did not return JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_hooks_and_unknown_ones_are_left_out() {
        let names = ["install", "on_load", "a_hook_of_the_future"].map(str::to_owned);
        let hooks = Hooks::named(&names);
        assert!(hooks.has(Hook::Install.number()) && hooks.has(Hook::OnLoad.number()));
        assert!(!hooks.has(Hook::OnUnload.number()) && !hooks.has(hook::VALIDATE));
        assert_eq!(Hooks::named(&[]), Hooks::default());
    }
}
