//! Events of a test: subscriptions and published events.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::services::Published;
use crate::{Body, Bytes, Error};

#[derive(Default)]
pub(super) struct Topics(Mutex<Told>);

#[derive(Default)]
struct Told {
    published: Vec<Published>,
    subscribers: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
}

/// The events of a subscription, as JSON texts.
struct Stream(mpsc::UnboundedReceiver<Bytes>);

impl futures_core::Stream for Stream {
    type Item = Result<Bytes, Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

impl Topics {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events published by the plugin itself.
    pub(super) fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// Delivers an event to its subscribers and returns their number.
    pub(super) fn publish(&self, plugin: &str, topic: &str, data: Value, is_own: bool) -> usize {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at_unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let text = json!({ "topic": topic, "plugin": plugin, "at_unix_ms": at_unix_ms, "data": data }).to_string();
        let mut told = self.lock();
        told.subscribers.retain(|(_, subscriber)| !subscriber.is_closed());
        let listening = told.subscribers.iter().filter(|(wanted, _)| matches(wanted, topic));
        let n_told = listening.filter(|(_, subscriber)| subscriber.send(text.clone().into()).is_ok()).count();
        if is_own {
            let (topic, plugin) = (topic.to_owned(), plugin.to_owned());
            told.published.push(Published { topic, plugin, at_unix_ms, data });
        }
        n_told
    }

    pub(super) fn subscribe(&self, topic: &str) -> Body {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().subscribers.push((topic.to_owned(), sender));
        Body::from_stream(Stream(receiver))
    }
}

/// Returns whether a subscription to `wanted` receives `topic`.
fn matches(wanted: &str, topic: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some("") => true,
        Some(start) if start.ends_with('/') => topic.starts_with(start),
        _ => wanted == topic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_heard_by_itself_its_plugin_and_all() {
        for (wanted, topic, is_heard) in [
            ("shop/sold", "shop/sold", true),
            ("shop/*", "shop/sold", true),
            ("*", "shop/sold", true),
            ("shop/s*", "shop/sold", false),
            ("shop", "shop/sold", false),
            ("cats/*", "shop/sold", false),
        ] {
            assert_eq!(matches(wanted, topic), is_heard, "{wanted}");
        }
    }
}
