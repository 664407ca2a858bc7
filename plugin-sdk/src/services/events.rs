//! Events between plugins.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use http::{Method, StatusCode};
use plugin_sdk_abi::service;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ServiceError;
use super::ask::Ask;
use crate::Body;
use crate::plugin_runtime::PluginRuntime;

/// Events between plugins. They are delivered to the current subscribers and not stored.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # async fn example(context: Context) -> Result<()> {
/// context.events().publish("fed", &json!({ "cat": 7 })).await?;
///
/// let mut orders = context.events().subscribe("shop/ordered").await?;
/// tokio::spawn(async move {
///     while let Some(event) = orders.next().await {
///         match event {
///             Ok(event) => tracing::info!(order = %event.data, "a new order"),
///             Err(error) => tracing::warn!(%error, "orders were missed"),
///         }
///     }
/// });
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Events {
    plugin_runtime: Arc<PluginRuntime>,
}

/// An event that a plugin published.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Published {
    /// `<plugin id>/<topic>`.
    pub topic: String,
    /// The plugin that published it.
    pub plugin: String,
    /// The time of publication, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The content.
    pub data: Value,
}

/// The events of a topic, as a `Stream` or through [`Subscription::next`]. Dropping it ends the subscription.
///
/// After an error for which [`ServiceError::is_lost`] is true, the stream continues: this subscriber was too slow and
/// missed events. Any other error ends the stream.
pub struct Subscription {
    body: Body,
}

impl Events {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Events {
        Events { plugin_runtime }
    }

    /// Publishes an event as `<id of this plugin>/<topic>` and returns its number of subscribers.
    ///
    /// # Errors
    /// The permission `events.publish` is missing, `data` does not serialize, or the host failed.
    pub async fn publish(&self, topic: &str, data: &impl Serialize) -> Result<usize, ServiceError> {
        #[derive(Deserialize)]
        struct Answer {
            subscribers: usize,
        }
        let params = [("topic", topic)];
        let mut ask = Ask::new(service::EVENTS, Method::POST, &params);
        let json = serde_json::to_vec(data);
        ask.body =
            json.map_err(|error| ServiceError::bad_request(format!("the event does not serialize: {error}")))?.into();
        let bytes = ask.send_for_success(&self.plugin_runtime).await?.bytes().await?;
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|error| ServiceError::not_json("the host's response", &error))?;
        Ok(answer.subscribers)
    }

    /// Subscribes to `<plugin id>/<topic>`, to all events of a plugin (`<plugin id>/*`), or to all events (`*`).
    ///
    /// # Errors
    /// The permission `events.subscribe` is missing, or the host failed.
    pub async fn subscribe(&self, topic: &str) -> Result<Subscription, ServiceError> {
        let params = [("topic", topic)];
        let answer = Ask::new(service::EVENTS, Method::GET, &params).send_for_success(&self.plugin_runtime).await?;
        Ok(Subscription { body: answer.body })
    }
}

impl Published {
    /// The time of publication, by the host's clock.
    pub fn at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.at_unix_ms)
    }

    /// Deserializes the content.
    ///
    /// # Errors
    /// Code `does_not_fit` if the content does not deserialize to `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        T::deserialize(&self.data).map_err(|error| ServiceError::not_json("the event", &error))
    }
}

impl Subscription {
    /// The next event; `None` when the host ends the subscription.
    ///
    /// # Errors
    /// See [`Subscription`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Published, ServiceError>> {
        poll_fn(|context| self.poll_event(context)).await
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Published, ServiceError>>> {
        let Some(chunk) = ready!(self.body.poll_chunk(context)) else { return Poll::Ready(None) };
        Poll::Ready(Some(match chunk {
            Ok(chunk) => read(&chunk),
            Err(error) => Err(ServiceError::new(StatusCode::BAD_GATEWAY, "subscription_ended", error.to_string())),
        }))
    }
}

fn read(chunk: &[u8]) -> Result<Published, ServiceError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Item {
        Event(Published),
        Lost { lost: u64 },
    }
    match serde_json::from_slice(chunk) {
        Ok(Item::Event(event)) => Ok(event),
        Ok(Item::Lost { lost }) => {
            let detail = format!("{lost} events were lost, because this subscriber was too slow");
            Err(ServiceError::new(StatusCode::SERVICE_UNAVAILABLE, "events_lost", detail))
        }
        Err(error) => Err(ServiceError::not_json("the event", &error)),
    }
}

impl Stream for Subscription {
    type Item = Result<Published, ServiceError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
