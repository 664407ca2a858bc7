//! The services of the host. Each requires a permission in plugin.yaml; the error for a missing permission names it.
//!
//! All services are available on the [`Context`](crate::Context). Requests sent while a call is handled carry its id,
//! its trace and its remaining time.

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
