//! The history of the desired state: revisions, their differences, and the state at a past moment. Secrets are masked.

use host_core::configuration::{MASK, Schema, diff, pointer};
use host_core::{Desired, Digest, PluginId};
use host_state::Revision;
use serde_json::{Map, Value, json};

use crate::model::{Error, context};
use crate::state::Host;

pub use host_core::configuration::Change as Difference;

/// The key that marks a sealed secret in the state database.
const SEALED: &str = "$sealed";

/// A revision with masked secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionView {
    /// The number; counts up over all plugins.
    pub number: u64,
    /// The plugin.
    pub plugin: PluginId,
    /// The time, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// The actor.
    pub actor: String,
    /// The operation: `load`, `disable`, …
    pub operation: String,
    /// The reason, if one was given.
    pub reason: Option<String>,
    /// The desired state; `None` if the plugin was removed.
    pub asked: Option<RevisionState>,
    /// The differences from the plugin's previous revision.
    pub changes: Vec<Difference>,
}

/// The desired state of a plugin, with masked secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionState {
    /// The state as a document, for comparisons.
    pub document: Map<String, Value>,
    /// The state.
    pub desired: Desired,
}

/// A page of revisions, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RevisionPage {
    /// The revisions.
    pub revisions: Vec<RevisionView>,
    /// The number before which the next page starts, if there is one.
    pub next: Option<u64>,
}

/// The differences between two revisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// The earlier revision; `None` if the later one is the plugin's first.
    pub from: Option<u64>,
    /// The later revision.
    pub to: u64,
    /// The differences, ordered by pointer.
    pub changes: Vec<Difference>,
}

/// The desired state at a past moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastState {
    /// The plugins that were installed, ordered by id.
    pub plugins: Vec<PastPlugin>,
    /// The plugins with a damaged state.
    pub damaged: Vec<String>,
}

/// The desired state of one plugin at a past moment.
#[derive(Clone, Debug, PartialEq)]
pub struct PastPlugin {
    /// The revision.
    pub revision: u64,
    /// The time of the revision, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// The state.
    pub desired: Desired,
}

impl Host {
    /// The newest revisions, at most `limit`, of one plugin or of all, with numbers below `before`. Damaged revisions
    /// are left out and logged.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`] for a plugin that is not installed and never was; [`Error::State`].
    pub async fn revisions(
        &self,
        plugin: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<RevisionPage, Error> {
        let plugin = plugin.map(known).transpose()?;
        let mut found = self.0.state.revisions(plugin.as_ref(), before, limit.saturating_add(1)).await?;
        if let Some(plugin) = plugin.filter(|plugin| found.is_empty() && !self.0.plugins.contains_key(plugin)) {
            self.revision_before(&plugin, None).await?.ok_or_else(|| unknown(plugin.as_str()))?;
        }
        let mut revisions = vec![];
        for (at, revision) in found.iter().take(limit).enumerate() {
            let mut older = found[at + 1..].iter();
            let earlier = match older.find(|other| other.plugin == revision.plugin) {
                Some(earlier) => Some(earlier.clone()),
                None => self.revision_before(&revision.plugin, Some(revision.number)).await?,
            };
            revisions.push(self.revision_view(revision, earlier.as_ref()));
        }
        let is_more = found.len() > limit;
        found.truncate(limit);
        Ok(RevisionPage { revisions, next: found.last().filter(|_| is_more).map(|revision| revision.number) })
    }

    /// A revision of a plugin.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`]; [`Error::State`], also if the revision is damaged.
    pub async fn revision(&self, plugin: &str, number: u64) -> Result<RevisionView, Error> {
        let revision = self.revision_of(plugin, number).await?;
        let earlier = self.revision_before(&revision.plugin, Some(number)).await?;
        Ok(self.revision_view(&revision, earlier.as_ref()))
    }

    /// The differences between two revisions of a plugin, from the older to the newer; without `with`, from the
    /// revision before `number`.
    ///
    /// # Errors
    /// The errors of [`Host::revision`].
    pub async fn changes(&self, plugin: &str, number: u64, with: Option<u64>) -> Result<Differences, Error> {
        let one = self.revision_of(plugin, number).await?;
        let other = match with {
            Some(with) => Some(self.revision_of(plugin, with).await?),
            None => self.revision_before(&one.plugin, Some(number)).await?,
        };
        let (from, to) = match other {
            Some(other) if other.number > one.number => (Some(one), other),
            other => (other, one),
        };
        let changes = self.differences(from.as_ref(), &to);
        Ok(Differences { from: from.map(|from| from.number), to: to.number, changes })
    }

    /// The desired state of all plugins at a past moment, in milliseconds since the Unix epoch. The actual state of
    /// that moment is not stored.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn plugins_at(&self, at_unix_ms: u64) -> Result<PastState, Error> {
        let newest = self.0.state.newest_at(at_unix_ms).await?;
        let then = newest.revisions.iter().filter_map(|revision| {
            let RevisionState { desired, .. } = self.asked(revision.desired.as_ref()?);
            Some(PastPlugin { revision: revision.number, since_unix_ms: revision.at_unix_ms, desired })
        });
        let plugins = then.collect();
        let damaged = newest.damaged.into_iter().map(|damage| {
            tracing::warn!(number = damage.number, "a revision is damaged: {}", damage.reason);
            damage.plugin
        });
        Ok(PastState { plugins, damaged: damaged.collect() })
    }

    async fn revision_of(&self, plugin: &str, number: u64) -> Result<Revision, Error> {
        let plugin = known(plugin)?;
        let revision = self.0.state.revision(number).await?.filter(|revision| revision.plugin == plugin);
        revision.ok_or(Error::UnknownRevision { id: plugin, number })
    }

    /// The plugin's newest revision with a number below `before`.
    async fn revision_before(&self, plugin: &PluginId, before: Option<u64>) -> Result<Option<Revision>, Error> {
        Ok(self.0.state.revisions(Some(plugin), before, 1).await?.pop())
    }

    fn revision_view(&self, revision: &Revision, earlier: Option<&Revision>) -> RevisionView {
        RevisionView {
            number: revision.number,
            plugin: revision.plugin.clone(),
            at_unix_ms: revision.at_unix_ms,
            actor: revision.actor.clone(),
            operation: revision.operation.clone(),
            reason: revision.reason.clone(),
            asked: revision.desired.as_ref().map(|desired| self.asked(desired)),
            changes: self.differences(earlier, revision),
        }
    }

    fn asked(&self, desired: &Desired) -> RevisionState {
        let mut document = self.document(desired);
        let mut desired = desired.clone();
        document.values_mut().for_each(mask);
        if let Some(Value::Object(masked)) = document.get("configuration") {
            desired.configuration.clone_from(masked);
        }
        RevisionState { document, desired }
    }

    fn differences(&self, from: Option<&Revision>, to: &Revision) -> Vec<Difference> {
        let document = |revision: Option<&Revision>| {
            revision.and_then(|revision| Some(self.document(revision.desired.as_ref()?))).unwrap_or_default()
        };
        let shown = diff(&document(from), &document(Some(to))).into_iter().map(|mut change| {
            // A changed secret is only reported as changed.
            if let Some(pointer) = change.pointer.strip_suffix("/$sealed") {
                let hide = |value: Option<Value>| value.map(|_| Value::from(MASK));
                return Difference {
                    pointer: pointer.to_owned(),
                    before: hide(change.before),
                    after: hide(change.after),
                };
            }
            change.before.iter_mut().chain(&mut change.after).for_each(mask);
            change
        });
        shown.collect()
    }

    /// The desired state as a document. Each secret of the configuration is an object with the key [`SEALED`], equal
    /// for equal secrets; this includes values that were not marked as secret when they were set.
    fn document(&self, desired: &Desired) -> Map<String, Value> {
        let text = host_state::write_desired(desired);
        let mut document: Map<_, _> = serde_json::from_str(&text).unwrap_or_default();
        let stored = Value::Object(desired.configuration.clone());
        let opened = self.0.sealer.open_secrets(&context(&desired.id), &desired.configuration).ok().map(Value::Object);
        let mut secrets = vec![];
        sealed_in(&stored, String::new(), &mut secrets);
        let plugin = self.0.plugins.get(&desired.id).map(|entry| entry.value().clone());
        let schema = plugin.and_then(|plugin| plugin.schema()).unwrap_or_else(Schema::any);
        match &opened {
            Some(Value::Object(opened)) => secrets.extend(schema.secrets(opened)),
            _ => secrets.extend(Schema::any().secrets(&desired.configuration)),
        }
        let mut marked = stored.clone();
        for at in &secrets {
            let plain = opened.as_ref().unwrap_or(&stored).pointer(at).map(Value::to_string).unwrap_or_default();
            if let Some(value) = marked.pointer_mut(at) {
                *value = json!({ SEALED: Digest::compute(plain.as_bytes()).hex() });
            }
        }
        document.insert("configuration".to_owned(), marked);
        document
    }
}

fn known(plugin: &str) -> Result<PluginId, Error> {
    plugin.parse().map_err(|_| unknown(plugin))
}

fn unknown(plugin: &str) -> Error {
    Error::UnknownPlugin { id: host_core::shown(plugin, 60) }
}

/// Replaces each secret by the mask.
fn mask(value: &mut Value) {
    match value {
        Value::Object(map) if map.contains_key(SEALED) => *value = MASK.into(),
        Value::Object(map) => map.values_mut().for_each(mask),
        Value::Array(list) => list.iter_mut().for_each(mask),
        _ => {}
    }
}

/// The pointers to sealed secrets.
fn sealed_in(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if map.contains_key(SEALED) => found.push(at),
        _ => for_each_part(value, &at, &mut |part, at| sealed_in(part, at, found)),
    }
}

fn for_each_part(value: &Value, at: &str, each: &mut dyn FnMut(&Value, String)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, part)| each(part, pointer::join(at, key))),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, part)| each(part, pointer::join(at, &n.to_string())));
        }
        _ => {}
    }
}
