//! Changing a plugin's configuration.

use host_core::Desired;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::operation::Receipt;
use crate::operation::turn::Held;
use crate::operation::work::Work;
use crate::plugin::Setup;

impl Work<'_> {
    /// Replaces what the operator set. The serving generation takes it if it says so, else a new one does; a configuration
    /// that is refused leaves the one before in use.
    pub(super) async fn configure(
        &mut self,
        id: &str,
        configuration: Map<String, Value>,
        expected: Option<u64>,
    ) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        if let Some(expected) = expected.filter(|expected| *expected != held.revision()) {
            let (plugin, found) = (held.plugin.id.clone(), held.revision());
            return Err(Error::State(host_state::Error::Stale { plugin, expected, found }));
        }
        let before = held.setup()?;
        let setup = Setup::new(Desired { configuration, ..before.desired }, before.build);
        let serving = self.host.0.roster.get(&held.plugin.id).map(|entry| entry.value().clone());
        let Some(generation) = serving else {
            let slips = setup.build.manifest.likely_slips(&setup.configuration);
            return Ok(Receipt { warnings: slips, ..self.let_in(held, setup).await? });
        };
        let timeout = self.host.0.config.start_timeout;
        self.step("validate");
        let refused = |error: host_load::CallError| Error::ConfigurationRefused { reason: error.to_string() };
        let judged = generation.instance.validate(&setup.configuration, timeout).await.map_err(refused);
        held.noted(self.host, judged)?;
        let uncut = self.job.uncut();
        self.step("on_config_change");
        let changed = generation.instance.change_configuration(&setup.configuration, timeout).await.map_err(refused);
        if !held.noted(self.host, changed)? {
            drop(uncut);
            return self.serve(held, setup, None).await;
        }
        let warnings = setup.build.manifest.likely_slips(&setup.configuration);
        let digest = setup.digest();
        self.ask_for(&held, setup, None).await?;
        generation.is_now_set_up(digest);
        let now = Some(generation.number);
        Ok(Receipt { warnings, ..self.receipt(&held, now, now)? })
    }
}
