//! Exporting the desired state as a plugins.yaml.

use host_core::plugin_set::{PluginEntry, PluginSet};
use host_core::{Goal, Source};

use crate::model::{Error, Installed, without};
use crate::state::Host;

const REMARK: &str = "run `plugin-host plan -f FILE` to see what a host would change to match this file, `plugin-host apply` to apply it";

impl Host {
    /// Returns the desired state, locked to the installed commits and artifacts. Secrets are left out, with a remark
    /// for each; sources that cannot be written as text and plugins that are being removed are left out as well.
    ///
    /// A remark names the plugins with sources that only this host can read. For a bundle, these sources are replaced
    /// by folders of the bundle, and artifacts are not locked.
    ///
    /// # Errors
    /// [`Error::State`] if the secrets cannot be opened.
    pub fn export(&self, for_bundle: bool) -> Result<PluginSet, Error> {
        let plugins: Vec<_> = self.0.plugins.iter().map(|entry| entry.value().clone()).collect();
        let mut file = PluginSet { remarks: vec![REMARK.to_owned()], ..PluginSet::default() };
        let mut local = vec![];
        for plugin in plugins {
            let Some(installed) = plugin.state().installed.clone() else { continue };
            let id = &plugin.id;
            let Installed { desired, build, .. } = installed;
            if matches!(desired.goal, Goal::Absent { .. }) {
                continue;
            }
            let mut current = desired.current.clone();
            if !current.source.is_git() {
                local.push(id.clone());
                if for_bundle {
                    let folder = Source::Folder(format!("./sources/{id}").into());
                    current.source = current.source.map_place(|_| folder.clone());
                }
            }
            if !PluginSet::can_write(&current.source) {
                file.remarks.push(format!("`{id}` is left out: its source cannot be written as text"));
                continue;
            }
            let update = Some(desired.update.clone());
            let blocked = Some(desired.blocked.clone());
            let goal = desired.goal;
            let (configuration, left_out) = match build {
                Some(build) => {
                    let setup = self.setup(desired, build)?;
                    let secrets = setup.secrets();
                    (Some(without(&setup.layers.operator, &secrets)), secrets)
                }
                // Without the schema, the secrets cannot be told from other settings.
                None => {
                    file.remarks.push(format!("the settings of `{id}` are left out: its artifact is missing"));
                    (None, vec![])
                }
            };
            file.plugins.push(PluginEntry {
                id: Some(id.clone()),
                commit: current.commit,
                // Another host may have another compiler; the files and commits are the same.
                artifact: (!for_bundle).then_some(current.artifact),
                goal,
                configuration,
                update,
                blocked,
                left_out,
                ..PluginEntry::new(current.source)
            });
        }
        if !local.is_empty() && !for_bundle {
            local.sort();
            let local: Vec<_> = local.iter().map(|id| format!("`{id}`")).collect();
            file.remarks.push(format!(
                "another host cannot fetch the sources of {}, which are uploads or files of this host; \
                 `plugin-host export --bundle FILE.zip` writes them and this file into one archive for `plan` and `apply`",
                local.join(", ")
            ));
        }
        file.plugins.sort_by(|a, b| a.id.cmp(&b.id));
        file.remarks[1..].sort();
        Ok(file)
    }
}
