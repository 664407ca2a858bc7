//! Reading and following events, and events of the process.

use host_core::event::{EventFilter, EventKind};

use crate::events::{EventStream, EventsPage};
use crate::model::Error;
use crate::state::Host;

impl Host {
    /// At most `limit` events with numbers above `after`, the oldest first.
    ///
    /// # Errors
    /// The journal could not be read.
    pub async fn events_after(&self, after: u64, filter: &EventFilter, limit: u32) -> Result<EventsPage, Error> {
        Ok(self.0.events.page_after(after, filter, limit).await?)
    }

    /// The newest events, at most `limit`.
    ///
    /// # Errors
    /// The journal could not be read.
    pub async fn newest_events(&self, filter: &EventFilter, limit: u32) -> Result<EventsPage, Error> {
        Ok(self.0.events.newest_page(filter, limit).await?)
    }

    /// Follows the events after a number, or from now on; `None` if there are too many readers.
    pub async fn follow_events(&self, after: Option<u64>, filter: EventFilter) -> Option<EventStream> {
        self.0.events.follow(after, filter).await
    }
}

impl Host {
    /// Publishes that the plugins were started, whether or not all of them serve.
    pub fn note_ready(&self) {
        let serving = self.0.roster.len() as u64;
        let took = self.0.started.elapsed();
        self.0.events.publish(None, None, EventKind::HostReady { serving, took });
    }

    /// Publishes that the configuration was reloaded: the changed keys and the keys that need a restart, or all
    /// errors.
    pub fn note_configuration(&self, read: Result<(Vec<String>, Vec<String>), Vec<String>>) {
        let texts = |texts: Vec<String>| texts.into_iter().map(Into::into).collect();
        self.0.events.publish(
            None,
            None,
            match read {
                Ok((changed, after_restart)) => {
                    EventKind::HostReconfigured { changed: texts(changed), after_restart: texts(after_restart) }
                }
                Err(reasons) => EventKind::HostReconfigurationRefused { reasons: texts(reasons) },
            },
        );
    }
}
