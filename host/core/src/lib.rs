//! Words and rules of the plugin host.
//!
//! Nothing here reads a file, a clock or the environment: the same input gives the same answer, so the tests are
//! tables. What a plugin *is* ([`PluginId`], [`Manifest`]), where it comes from ([`Source`]), how bytes are named
//! ([`Digest`], [`TreePath`]), what it may ask for ([`Permission`], [`AllowedHost`]), how it is configured
//! ([`configuration`]), what its probes say about it ([`health`]), what it has to do with other plugins ([`graph`]),
//! which newer version of it may be taken ([`update`]), what the operator asked for ([`Desired`]), what follows from
//! that ([`plan`]), where an operation is ([`job`]), what happens ([`event`]), what can be installed ([`index`]), and
//! what is asked of a request ([`BodyRules`], [`RateLimiter`]).

pub mod access;
mod address;
pub mod audit;
mod body_rules;
pub mod configuration;
pub mod desired;
mod digest;
pub mod event;
pub mod graph;
pub mod health;
mod id;
pub mod index;
pub mod job;
pub mod manifest;
pub mod plan;
pub mod plugin_set;
pub mod probation;
mod rate_limit;
mod size;
mod source;
pub mod spelling;
pub mod tag;
mod tree_path;
pub mod update;

pub use access::{Principal, Rights, Role};
pub use address::is_public_address;
pub use body_rules::{BodyProblem, BodyRules};
pub use desired::{Desired, Goal, Pick};
pub use digest::{Digest, DigestError, DigestWriter};
pub use graph::Graph;
pub use id::{IdError, PluginId};
pub use manifest::{AllowedHost, Manifest, Permission};
pub use plugin_set::PluginSet;
pub use rate_limit::RateLimiter;
pub use size::Size;
pub use source::{GitUrl, Revision, Source, SourceError, Trust};
pub use tree_path::{PathError, TreePath};
