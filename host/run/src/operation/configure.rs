//! Changing a plugin's configuration.

use serde_json::{Map, Value};

use crate::error::Error;
use crate::operation::Receipt;
use crate::operation::turn::Held;
use crate::operation::work::Work;
use crate::plugin::Installed;

impl Work<'_> {
    /// Replaces what the operator set. The serving generation takes it if it says so, else a new one does; a configuration
    /// that is refused leaves the one before in use.
    pub(super) async fn configure(&mut self, id: &str, configuration: Map<String, Value>) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, id).await?;
        let before = held.installed()?;
        let installed = Installed { configuration, ..before };
        let serving = self.host.0.roster.get(&held.plugin.id).map(|entry| entry.value().clone());
        let Some(generation) = serving else {
            let judged = self.judge(&installed).await;
            held.noted(self.host, judged)?;
            held.plugin.state().installed = Some(installed.clone());
            return Ok(self.configured(&held, &installed, None));
        };
        let timeout = self.host.0.config.start_timeout;
        let effective = installed.effective_configuration();
        self.step("validate");
        let refused = |error: host_load::CallError| Error::ConfigurationRefused { reason: error.to_string() };
        let judged = generation.instance.validate(&effective, timeout).await.map_err(refused);
        held.noted(self.host, judged)?;
        let uncut = self.job.uncut();
        self.step("on_config_change");
        let changed = generation.instance.change_configuration(&effective, timeout).await.map_err(refused);
        if !held.noted(self.host, changed)? {
            drop(uncut);
            return self.restart(held, installed).await;
        }
        held.plugin.state().installed = Some(installed.clone());
        Ok(self.configured(&held, &installed, Some(generation.number)))
    }

    /// What was done when no new generation was needed.
    fn configured(&mut self, held: &Held, installed: &Installed, generation: Option<u64>) -> Receipt {
        let warnings = installed.manifest.likely_slips(&installed.configuration);
        Receipt { warnings, ..self.receipt(held, installed, generation, generation) }
    }

    /// Asks the code of a plugin that does not serve.
    async fn judge(&mut self, installed: &Installed) -> Result<(), Error> {
        let module = self.open(installed).await?;
        self.step("validate");
        Ok(module.validate(&installed.effective_configuration(), self.host.0.config.start_timeout).await?)
    }
}
