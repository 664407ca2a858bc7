//! Every hook, each of which writes a line to the plugin's log.

use std::sync::Mutex;

use plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Settings {
    greeting: String,
    #[serde(default)]
    limits: Limits,
    /// The hook that fails, if any.
    #[serde(default)]
    fails: String,
    /// The hook that panics, if any.
    #[serde(default)]
    panics: String,
    /// Whether a change is taken without a restart.
    #[serde(default)]
    live: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Limits {
    #[serde(default)]
    retries: u8,
}

struct Hooks {
    context: Context,
    settings: Mutex<Settings>,
}

impl Hooks {
    fn ran(&self, hook: &str) -> Result<()> {
        let settings = self.settings.lock().unwrap().clone();
        self.context.log(Level::Info, &format!("{hook} ran"));
        settings.judge(hook)
    }
}

impl Settings {
    fn judge(&self, hook: &str) -> Result<()> {
        if self.panics == hook {
            panic!("{hook} was asked to panic");
        }
        if self.fails == hook {
            Err(Error::new(StatusCode::BAD_REQUEST, "asked").with_detail(format!("{hook} was asked to fail")))
        } else {
            Ok(())
        }
    }
}

#[plugin]
impl Hooks {
    #[validate]
    fn validate(Configuration(settings): Configuration<Settings>) -> Result<()> {
        settings.judge("validate")
    }

    #[start]
    async fn start(context: Context, Configuration(settings): Configuration<Settings>) -> Result<Hooks> {
        settings.judge("start")?;
        Ok(Hooks { context, settings: Mutex::new(settings) })
    }

    #[install]
    async fn install(&self) -> Result<()> {
        self.ran("install")
    }

    #[upgrade]
    async fn upgrade(&self, from: String) -> Result<()> {
        self.context.log(Level::Info, &format!("upgrade from {from}"));
        self.ran("upgrade")
    }

    #[uninstall]
    fn uninstall(&self, keep_data: bool) -> Result<()> {
        self.context.log(Level::Info, &format!("uninstall, keep_data {keep_data}"));
        self.ran("uninstall")
    }

    #[on_load]
    fn on_load(&self) -> Result<()> {
        self.ran("on_load")
    }

    #[on_unload]
    fn on_unload(&self) -> Result<()> {
        self.ran("on_unload")
    }

    #[metrics]
    fn metrics(&self) -> Result<()> {
        self.ran("metrics")
    }

    #[on_config_change]
    fn on_config_change(&self, Configuration(settings): Configuration<Settings>) -> Result<ConfigChange> {
        self.ran("on_config_change")?;
        if !settings.live {
            return Ok(ConfigChange::RestartRequired);
        }
        *self.settings.lock().unwrap() = settings;
        Ok(ConfigChange::Applied)
    }

    #[on_error]
    fn on_error(&self, report: &ErrorReport) {
        let panicked = report.panicked_at.is_some();
        self.context.log(Level::Warn, &format!("on_error: {} {} panicked {panicked}", report.handler, report.message));
        if self.settings.lock().unwrap().panics == "on_error" {
            panic!("on_error was asked to panic");
        }
    }

    #[health]
    fn health(&self) -> Result<()> {
        self.ran("health")
    }

    #[stop]
    fn stop(&self) -> Result<()> {
        self.ran("stop")
    }

    #[get("/settings")]
    fn settings(&self) -> Json<Settings> {
        Json(self.settings.lock().unwrap().clone())
    }

    #[get("/fail")]
    fn fail(&self) -> Result<()> {
        Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "broken").with_detail("it is broken"))
    }

    #[get("/panic")]
    fn panic(&self) -> Result<()> {
        panic!("the handler was asked to panic")
    }
}

export!(Hooks);
