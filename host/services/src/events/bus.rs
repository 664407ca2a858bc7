//! The event bus: subscriptions and their events.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use host_core::PluginId;
use http_body::{Body, Frame};
use parking_lot::{Mutex, MutexGuard};

use super::queue::Queue;
use super::{check_topic, text};
use crate::error::{Error, quoted};

/// The maximum number of subscriptions of one generation.
const MAX_SUBSCRIPTIONS: usize = 64;

/// Passes events from publishers to subscribers. Publishing never waits. Cheap to clone.
#[derive(Clone, Default)]
pub struct EventBus {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    subscribers: HashMap<u64, Subscriber>,
}

/// The generation that owns subscriptions, identified by the address of its flag. The flag is set under the lock of the
/// bus when the generation ends, so that a request that outlives the generation cannot subscribe any more.
#[derive(Clone, Default)]
pub(crate) struct Owner {
    has_ended: Arc<AtomicBool>,
}

struct Subscriber {
    owner: Owner,
    pattern: Pattern,
    queue: Arc<Queue>,
}

/// The stream of one subscriber; each chunk is one JSON text. Dropping it ends the subscription.
pub(crate) struct Subscription {
    bus: EventBus,
    number: u64,
    queue: Arc<Queue>,
}

/// The events that a subscriber receives.
pub(crate) enum Pattern {
    All,
    Plugin(PluginId),
    Topic(PluginId, String),
}

impl Owner {
    fn is(&self, other: &Owner) -> bool {
        Arc::ptr_eq(&self.has_ended, &other.has_ended)
    }
}

impl Pattern {
    /// Reads `<plugin id>/<topic>`, `<plugin id>/*` or `*`.
    pub(crate) fn parse(text: &str) -> Result<Pattern, Error> {
        let refused = || Error::Topic {
            rule: "to subscribe to must be `<plugin id>/<topic>`, `<plugin id>/*` or `*`",
            found: quoted(text),
        };
        if text == "*" {
            return Ok(Pattern::All);
        }
        let (plugin, topic) = text.split_once('/').ok_or_else(refused)?;
        let plugin = plugin.parse().map_err(|_| refused())?;
        if topic == "*" {
            return Ok(Pattern::Plugin(plugin));
        }
        check_topic(topic)?;
        Ok(Pattern::Topic(plugin, topic.to_owned()))
    }

    fn wants(&self, plugin: &PluginId, topic: &str) -> bool {
        match self {
            Pattern::All => true,
            Pattern::Plugin(wanted) => wanted == plugin,
            Pattern::Topic(wanted, name) => wanted == plugin && name == topic,
        }
    }
}

impl EventBus {
    /// Publishes JSON as `<plugin>/<topic>` and returns the number of subscriptions that receive it.
    ///
    /// # Errors
    /// [`Error::Topic`], [`Error::EventJson`].
    pub fn publish(&self, plugin: &PluginId, topic: &str, data: &[u8]) -> Result<usize, Error> {
        check_topic(topic)?;
        let event = Bytes::from(text(plugin, topic, data)?);
        let queues: Vec<Arc<Queue>> = {
            let inner = self.lock();
            let wanting = inner.subscribers.values().filter(|subscriber| subscriber.pattern.wants(plugin, topic));
            wanting.map(|subscriber| subscriber.queue.clone()).collect()
        };
        // Pushed outside the lock, because a woken subscriber may run at once.
        for queue in &queues {
            queue.push(event.clone());
        }
        Ok(queues.len())
    }

    pub(crate) fn subscribe(&self, owner: &Owner, pattern: Pattern) -> Result<Subscription, Error> {
        let mut inner = self.lock();
        if owner.has_ended.load(Ordering::Relaxed) {
            return Err(Error::Ended);
        }
        if inner.subscribers.values().filter(|subscriber| subscriber.owner.is(owner)).count() >= MAX_SUBSCRIPTIONS {
            return Err(Error::TooManySubscriptions { limit: MAX_SUBSCRIPTIONS });
        }
        let number = inner.next;
        let queue = Arc::new(Queue::default());
        inner.next += 1;
        inner.subscribers.insert(number, Subscriber { owner: owner.clone(), pattern, queue: queue.clone() });
        Ok(Subscription { bus: self.clone(), number, queue })
    }

    /// Ends the subscriptions of a generation and refuses new ones.
    pub(crate) fn end(&self, owner: &Owner) {
        let mut inner = self.lock();
        owner.has_ended.store(true, Ordering::Relaxed);
        let ended: Vec<_> = inner.subscribers.extract_if(|_, subscriber| subscriber.owner.is(owner)).collect();
        drop(inner);
        for (_, subscriber) in ended {
            subscriber.queue.end();
        }
    }

    /// Removes a subscription after its stream was dropped.
    pub(crate) fn remove(&self, number: u64) {
        self.lock().subscribers.remove(&number);
    }

    /// The number of subscriptions.
    pub fn n_subscriptions(&self) -> usize {
        self.lock().subscribers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

impl Body for Subscription {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        self.queue.poll(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.bus.remove(self.number);
        // A publisher may hold the queue a little longer, and the plugin's waker must not stay in it.
        self.queue.forget();
    }
}
