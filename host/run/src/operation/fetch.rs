//! Fetching a source into the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_core::{Source, Trust};
use host_fetch::Fetched;

use crate::model::Error;
use crate::operation::work::Work;
use crate::state::Host;

impl Work<'_> {
    pub(super) async fn fetch(&mut self, source: Source, trust: Trust) -> Result<Fetched, Error> {
        self.step("fetch");
        self.job.line(&format!("fetching {source}"));
        let fetched = fetch(self.host, source, trust).await?;
        host_fail::point("run.fetched");
        Ok(fetched)
    }
}

/// Fetches a source.
///
/// # Cancel safety
/// Dropping the future ends the fetch and leaves the store unchanged.
pub(crate) async fn fetch(host: &Host, source: Source, trust: Trust) -> Result<Fetched, Error> {
    let host = host.clone();
    let cancelled = Arc::new(AtomicBool::new(false));
    let _cancel = CancelOnDrop(cancelled.clone());
    // A host that stops waits until the fetch has noticed the cancellation, so that no partial files are left on disk.
    let token = host.0.tasks.token();
    let fetched = tokio::task::spawn_blocking(move || {
        let _token = token;
        host_fetch::fetch(&host.0.store, &host.config().fetch, &source, trust, &cancelled)
    });
    Ok(fetched.await.map_err(|_| Error::Panicked)??)
}

/// Returns the source with an absolute path, because the working directory may differ after a restart of the host.
pub(crate) fn absolute(source: Source) -> Source {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    source.map_place(|place| match place {
        Source::Folder(path) => Source::Folder(absolute(path)),
        Source::Archive(path) => Source::Archive(absolute(path)),
        Source::Library(path) => Source::Library(absolute(path)),
        other => other,
    })
}

/// Cancels a fetch when its caller was dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
