//! Changing a plugin's configuration.

use host_core::event::EventKind;

use crate::model::{Error, Receipt, Settings};
use crate::operation::lease::Held;
use crate::operation::work::Work;

impl Work<'_> {
    /// Changes what the operator set. The serving generation takes it if it says so, else a new one does; a configuration
    /// that is refused leaves the one before in use.
    pub(super) async fn configure(
        &mut self,
        id: &str,
        change: &Settings,
        expected: Option<u64>,
    ) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, id).await?;
        if let Some(expected) = expected.filter(|expected| *expected != held.revision()) {
            let (plugin, found) = (held.plugin.id.clone(), held.revision());
            return Err(Error::State(host_state::Error::Stale { plugin, expected, found }));
        }
        let before = held.setup(self.host)?;
        let was = before.desired.configuration.clone();
        let setup = self.host.setup_with(before, change);
        let setup = setup.and_then(|setup| setup.check().map(|()| setup));
        let setup = held.noted(self.host, setup)?;
        let has_changed = setup.desired.configuration != was;
        let serving = self.host.0.roster.get(&held.plugin.id);
        let warnings = setup.build.manifest.likely_slips(&setup.configuration);
        let Some(generation) = serving else {
            let receipt = self.let_in(held, setup).await?;
            self.tell_of_configuration(has_changed, &receipt, false);
            return Ok(Receipt { warnings, ..receipt });
        };
        let timeout = self.host.config().start_timeout;
        self.step("validate");
        let refused = |error: host_load::CallError| Error::ConfigurationRefused { reason: error.to_string() };
        let judged = generation.instance.validate(&setup.configuration, timeout).await.map_err(refused);
        held.noted(self.host, judged)?;
        let uncut = self.job.uncut();
        self.step("on_config_change");
        let changed = generation.instance.change_configuration(&setup.configuration, timeout).await.map_err(refused);
        if !held.noted(self.host, changed)? {
            drop(uncut);
            let receipt = self.serve(held, setup, None).await?;
            self.tell_of_configuration(has_changed, &receipt, false);
            return Ok(receipt);
        }
        let digest = setup.digest();
        self.ask_for(&held, setup, None).await?;
        generation.set_setup(digest);
        let now = Some(generation.number);
        let receipt = self.receipt(&held, now, now)?;
        self.tell_of_configuration(has_changed, &receipt, true);
        Ok(Receipt { warnings, ..receipt })
    }

    fn tell_of_configuration(&self, has_changed: bool, receipt: &Receipt, live: bool) {
        if has_changed {
            let (revision, generation) = (Some(receipt.revision), receipt.generation);
            self.host.tell_of_job(self.job, EventKind::ConfigurationChanged { revision, generation, live });
        }
    }
}
