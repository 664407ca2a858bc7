//! What was asked for, when, by whom and why; what each time changed; what was asked for at a moment. Secrets are masked.

use host_core::configuration::{MASK, diff, looks_secret, pointer};
use host_core::{Desired, Digest, PluginId};
use host_state::Revision;
use serde_json::{Map, Value, json};

use crate::model::{Error, context};
use crate::state::Host;

pub use host_core::configuration::Change as Difference;

/// What the state has in the place of a secret.
const SEALED: &str = "$sealed";

/// A change of what is asked for, as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionView {
    /// Counts up over all plugins.
    pub number: u64,
    /// The plugin.
    pub plugin: PluginId,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Who asked.
    pub actor: String,
    /// For what: `load`, `disable`, …
    pub operation: String,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// What was asked for from then on; `None` when the plugin was gone.
    pub asked: Option<RevisionState>,
    /// How that differs from what the plugin's revision before asked for.
    pub changes: Vec<Difference>,
}

/// What is asked for of a plugin, as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionState {
    /// The same as a document, which two revisions are compared by.
    pub document: Map<String, Value>,
    /// What is asked for.
    pub desired: Desired,
}

/// A part of the revisions, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RevisionPage {
    /// The revisions.
    pub revisions: Vec<RevisionView>,
    /// The number before which the next page begins, if there is one.
    pub next: Option<u64>,
}

/// How what one revision asked for differs from what an earlier one did.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// The earlier one; `None` when the later one is the plugin's first.
    pub from: Option<u64>,
    /// The later one.
    pub to: u64,
    /// The differences, ordered by pointer.
    pub changes: Vec<Difference>,
}

/// What was asked for at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastState {
    /// Of each plugin that was there, ordered by id.
    pub plugins: Vec<PastPlugin>,
    /// The plugins of which that is damaged on disk.
    pub damaged: Vec<String>,
}

/// What was asked for of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PastPlugin {
    /// The revision that counted.
    pub revision: u64,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// What was asked for.
    pub desired: Desired,
}

impl Host {
    /// The newest revisions, at most `limit`, of one plugin or of all, before the one with the number `before`. Those that
    /// are damaged on disk are left out and logged.
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
    /// [`Error::UnknownRevision`]; [`Error::State`], also when it is damaged on disk.
    pub async fn revision(&self, plugin: &str, number: u64) -> Result<RevisionView, Error> {
        let revision = self.revision_of(plugin, number).await?;
        let earlier = self.revision_before(&revision.plugin, Some(number)).await?;
        Ok(self.revision_view(&revision, earlier.as_ref()))
    }

    /// How two revisions of a plugin differ, from the older to the newer; without `with` from the one before `number`.
    ///
    /// # Errors
    /// As [`Host::revision`].
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

    /// What was asked for of all plugins at a moment, in milliseconds since 1970. Whether it was true then is not known.
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
        let (mut document, mut desired) = (self.document(desired), desired.clone());
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
            // Of a secret it is only told that it has changed.
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

    /// What is asked for as a document. Each secret of the configuration is an object with the key [`SEALED`], equal for equal
    /// secrets; also one that was not known to be secret when it was set.
    fn document(&self, desired: &Desired) -> Map<String, Value> {
        let text = host_state::write_desired(desired);
        let mut document: Map<_, _> = serde_json::from_str(&text).unwrap_or_default();
        let stored = Value::Object(desired.configuration.clone());
        let opened = self.0.sealer.open_secrets(&context(&desired.id), &desired.configuration).ok().map(Value::Object);
        let mut secrets = vec![];
        sealed_in(&stored, String::new(), &mut secrets);
        let plugin = self.0.plugins.get(&desired.id).map(|entry| entry.value().clone());
        let schema = plugin.and_then(|plugin| plugin.schema());
        match (&opened, schema) {
            (Some(Value::Object(opened)), Some(schema)) => secrets.extend(schema.secrets(opened)),
            // Nothing says any more what is secret but the names of keys.
            _ => named_secrets(&stored, &mut secrets),
        }
        let mut marked = stored.clone();
        for at in &secrets {
            let plain = opened.as_ref().unwrap_or(&stored).pointer(at).map(Value::to_string).unwrap_or_default();
            if let Some(value) = marked.pointer_mut(at) {
                *value = json!({ SEALED: Digest::of(plain.as_bytes()).hex() });
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
    Error::UnknownPlugin { id: plugin.chars().filter(|c| !c.is_control()).take(60).collect() }
}

/// Puts the mask in the place of each secret.
fn mask(value: &mut Value) {
    match value {
        Value::Object(map) if map.contains_key(SEALED) => *value = MASK.into(),
        Value::Object(map) => map.values_mut().for_each(mask),
        Value::Array(list) => list.iter_mut().for_each(mask),
        _ => {}
    }
}

/// Where secrets lie that are sealed.
fn sealed_in(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) if map.contains_key(SEALED) => found.push(at),
        _ => for_each_part(value, &at, &mut |_, part, at| sealed_in(part, at, found)),
    }
}

/// Where values lie whose keys sound like secrets.
fn named_secrets(value: &Value, found: &mut Vec<String>) {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        for_each_part(value, at, &mut |key, part, at| match looks_secret(key) && !part.is_null() {
            true => found.push(at),
            false => walk(part, &at, found),
        });
    }
    walk(value, "", found);
}

fn for_each_part(value: &Value, at: &str, each: &mut dyn FnMut(&str, &Value, String)) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, part)| each(key, part, pointer::join(at, key))),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, part)| each("", part, pointer::join(at, &n.to_string())));
        }
        _ => {}
    }
}
