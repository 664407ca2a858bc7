//! Changing a plugin's configuration.

use host_core::event::EventKind;

use crate::model::{Error, Receipt, SettingsChange};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Changes the operator's settings. The serving generation applies them if it supports that; otherwise a new
    /// generation is started. Settings that are refused leave the previous ones in use.
    pub(super) async fn configure(
        &mut self,
        id: &str,
        change: &SettingsChange,
        expected: Option<u64>,
    ) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        if let Some(expected) = expected.filter(|expected| *expected != lease.revision()) {
            let plugin = lease.plugin.id.clone();
            let found = lease.revision();
            return Err(host_state::Error::Stale { plugin, expected, found }.into());
        }
        let before = lease.setup(self.host)?;
        let was = before.desired.configuration.clone();
        let setup = self.host.setup_with(before, change);
        let setup = setup.and_then(|setup| setup.check().map(|()| setup));
        let setup = lease.record_failure(self.host, setup)?;
        let has_changed = setup.desired.configuration != was;
        let serving = self.host.0.roster.get(&lease.plugin.id);
        let warnings = setup.build.manifest.likely_slips(&setup.configuration);
        let Some(generation) = serving else {
            let receipt = self.install_stopped(lease, setup).await?;
            self.publish_configuration(has_changed, &receipt, false);
            return Ok(Receipt { warnings, ..receipt });
        };
        let timeout = self.host.config().start_timeout;
        self.step("validate");
        let refused =
            |error: host_load::CallError| Error::ConfigurationRefused { reason: setup.mask_text(&error.to_string()) };
        let judged = generation.instance.validate(&setup.configuration, timeout).await.map_err(refused);
        lease.record_failure(self.host, judged)?;
        let shield = self.job.shield_from_cancel();
        self.step("on_config_change");
        let changed = generation.instance.change_configuration(&setup.configuration, timeout).await.map_err(refused);
        if !lease.record_failure(self.host, changed)? {
            drop(shield);
            let receipt = self.serve(lease, setup, None).await?;
            self.publish_configuration(has_changed, &receipt, false);
            return Ok(receipt);
        }
        let digest = setup.digest();
        self.commit_setup(&lease, setup, None).await?;
        generation.set_setup(digest);
        let now = Some(generation.number);
        let receipt = self.receipt(&lease, now, now)?;
        self.publish_configuration(has_changed, &receipt, true);
        Ok(Receipt { warnings, ..receipt })
    }

    fn publish_configuration(&self, has_changed: bool, receipt: &Receipt, live: bool) {
        if has_changed {
            let revision = Some(receipt.revision);
            let generation = receipt.generation;
            self.host.publish_for_job(self.job, EventKind::ConfigurationChanged { revision, generation, live });
        }
    }
}
