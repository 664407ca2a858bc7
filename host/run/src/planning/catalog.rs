//! The plugins that the indexes list.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_call::now_unix_ms;
use host_core::index::{self, IndexEntry};
use host_core::{Digest, PluginId, Source};

use crate::model::{Error, LoadOptions};
use crate::state::{Host, IndexReport, KeptIndex, ListedPlugin};

/// The shortest time between two reads of an index, also on request.
const MIN_AGE: Duration = Duration::from_secs(5);
/// The time after which a failed read is retried.
const RETRY_AGE: Duration = Duration::from_secs(60);

impl Host {
    /// The plugins that can be installed, and the indexes that list them, in their order. If several indexes list an
    /// id, the first one counts. An index that cannot be read is reported, and its last content counts.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the reads.
    pub async fn available(&self, refresh: bool) -> Result<(Vec<ListedPlugin>, Vec<IndexReport>), Error> {
        let _turn = self.0.catalog.turn.lock().await;
        let places = self.config().indexes.clone();
        for place in &places {
            if self.is_due(place, refresh) {
                tokio::select! {
                    kept = self.read_index(place.clone()) => self.0.catalog.put(place, kept?),
                    () = self.0.stopping.cancelled() => return Err(Error::ShuttingDown),
                }
            }
        }
        let mut listed = vec![];
        let mut reports = vec![];
        let mut first: BTreeMap<PluginId, String> = BTreeMap::new();
        for place in &places {
            let shown = place.to_string();
            let Some(kept) = self.0.catalog.get(&shown) else { continue };
            let index = kept.index.unwrap_or_default();
            let mut refused = index.refused.clone();
            let mut n_plugins = 0;
            for entry in &index.plugins {
                if let Some(other) = first.get(&entry.id) {
                    refused.push((
                        entry.id.to_string(),
                        format!("is already listed by {other}, which has precedence over this index"),
                    ));
                    continue;
                }
                first.insert(entry.id.clone(), shown.clone());
                n_plugins += 1;
                listed.push(self.listed(&shown, entry));
            }
            let name = index.name.clone();
            let read_unix_ms = kept.read_unix_ms;
            let error = kept.error;
            reports.push(IndexReport { place: shown, name, n_plugins, refused, read_unix_ms, error });
        }
        Ok((listed, reports))
    }

    /// The source of the plugin `id` of the indexes, with the expected commit and tree. Without `version`, the newest
    /// offered version.
    ///
    /// # Errors
    /// [`Error::NotListed`], [`Error::ShuttingDown`].
    pub async fn from_index(&self, id: &str, version: Option<&str>) -> Result<(Source, LoadOptions), Error> {
        let shown = |text: &str| host_core::shown(text, 60);
        let (listed, _) = self.available(false).await?;
        let not_listed = || Error::NotListed { what: format!("a plugin `{}`", shown(id)) };
        let listed = listed.into_iter().find(|listed| listed.entry.id.as_str() == id).ok_or_else(not_listed)?;
        let chosen = match version {
            None => listed.entry.latest(),
            Some(text) => text.parse().ok().and_then(|number| listed.entry.version(&number)),
        };
        let what = || match version {
            Some(version) => format!("version `{}` of `{id}`", shown(version)),
            None => format!("an offered version of `{id}`"),
        };
        let chosen = chosen.ok_or_else(|| Error::NotListed { what: what() })?;
        let source = Source::git(listed.entry.repository.clone(), chosen.tag.clone());
        let (commit, tree): (Option<String>, Option<Digest>) = (chosen.commit.clone(), chosen.digest);
        Ok((source, LoadOptions { commit, tree, ..LoadOptions::default() }))
    }

    fn listed(&self, index: &str, entry: &IndexEntry) -> ListedPlugin {
        let plugin = self.plugin(entry.id.as_str());
        let current = plugin.and_then(|plugin| plugin.desired).map(|desired| desired.current);
        let is_same = current.as_ref().is_some_and(|current| match current.source.place() {
            Source::Git { url, .. } => url.is_same_repository(&entry.repository),
            _ => false,
        });
        let installed = current.map(|current| current.version);
        ListedPlugin { index: index.to_owned(), entry: entry.clone(), installed, is_same }
    }

    fn is_due(&self, place: &Source, refresh: bool) -> bool {
        let Some(kept) = self.0.catalog.get(&place.to_string()) else { return true };
        let age = kept.tried.elapsed();
        match (refresh, kept.error.is_some()) {
            (true, _) => age >= MIN_AGE,
            (false, true) => age >= RETRY_AGE.min(self.config().index_keep),
            (false, false) => age >= self.config().index_keep,
        }
    }

    async fn read_index(&self, place: Source) -> Result<KeptIndex, Error> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(cancelled.clone());
        let host = self.clone();
        let shown = place.to_string();
        let token = self.0.tasks.token();
        let read = tokio::task::spawn_blocking(move || {
            let _token = token;
            let config = &host.config().fetch;
            let text = host_fetch::read_index(&host.0.store, config, &place, &cancelled)
                .map_err(|error| (error.code(), Error::from(error).chain()))?;
            let index = if text.is_json { index::read_json(&text.bytes) } else { index::read(&text.bytes) };
            index.map_err(|reason| ("index_refused", reason))
        });
        let before = self.0.catalog.get(&shown);
        let tried = Instant::now();
        Ok(match read.await.map_err(|_| Error::Panicked)? {
            Ok(index) => KeptIndex { index: Some(index.into()), read_unix_ms: Some(now_unix_ms()), tried, error: None },
            Err(error) => {
                tracing::warn!(code = error.0, "failed to read the index {shown}: {}", error.1);
                let (index, read_unix_ms) = before.map(|kept| (kept.index, kept.read_unix_ms)).unwrap_or_default();
                KeptIndex { index, read_unix_ms, tried, error: Some(error) }
            }
        })
    }
}

/// Cancels a read when its caller was dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
