//! What a plugin may ask of its host. Each asks for a permission in plugin.yaml, and says so when it is not there.
//!
//! All of them are on the [`Context`](crate::Context). What is asked while a request is answered carries that request's
//! id, its trace, and the time that is left for it.

mod ask;
mod error;
mod events;
mod http;
mod kv;
mod metrics;
mod plugins;
mod secrets;

pub use error::ServiceError;
pub use events::{Events, Published, Subscription};
pub use http::{Http, HttpRequest, HttpResponse};
pub use kv::{Entry, Key, Kv, Listing, Version};
pub use metrics::{Counter, Gauge, Histogram, Metrics};
pub use plugins::Plugins;
pub use secrets::{Secret, Secrets};
