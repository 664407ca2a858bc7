//! Types and rules of the plugin host, without I/O.
//!
//! Nothing here reads a file, a clock or the environment: the same input produces the same result, so the tests are
//! tables of inputs and results.
//!
//! | module or type | content |
//! |---|---|
//! | [`PluginId`], [`Source`], [`Digest`], [`TreePath`] | names of plugins, sources, contents and files |
//! | [`manifest`], [`Manifest`], [`Permission`], [`AllowedHost`] | plugin.yaml: its rules and its checked content |
//! | [`plugin_set`], [`index`] | plugins.yaml, and index files that list installable plugins |
//! | [`configuration`] | configuration layers, their JSON Schema, secrets and differences |
//! | [`graph`] | dependencies, conflicts and start order |
//! | [`desired`], [`plan`] | the desired state, and the steps from the actual to the desired state |
//! | [`update`], [`probation`], [`health`] | update policies, rollback of failing versions, results of health probes |
//! | [`job`], [`event`], [`audit`] | states of jobs, events, entries of the audit log |
//! | [`crash_message`], [`crash_cause`] | crashes of the host in words |
//! | [`access`], [`BodyRules`], [`RateLimiter`] | roles, checks of request bodies, rate limits of endpoints |
//! | [`Size`], [`Span`], [`spelling`] | sizes and durations as they are shown, suggestions for misspelled words |

pub mod access;
mod address;
pub mod audit;
mod body_rules;
pub mod configuration;
mod crash;
pub mod desired;
mod digest;
pub mod event;
pub mod graph;
pub mod health;
mod id;
pub mod index;
pub mod job;
mod look_alikes;
pub mod manifest;
mod number;
pub mod plan;
pub mod plugin_set;
pub mod probation;
mod rate_limit;
mod shown_address;
mod size;
mod source;
mod span;
pub mod spelling;
pub mod tag;
mod text;
mod tree_path;
pub mod update;

pub use access::{Principal, Rights, Role};
pub use address::is_public_address;
pub use body_rules::{BodyProblem, BodyRules};
pub use crash::{crash_cause, crash_message};
pub use desired::{Desired, Goal, Pick};
pub use digest::{Digest, DigestError, DigestWriter};
pub use graph::Graph;
pub use id::{IdError, PluginId};
pub use look_alikes::look_alike_note;
pub use manifest::{AllowedHost, Manifest, Permission};
pub use number::whole_number;
pub use plugin_set::PluginSet;
pub use rate_limit::RateLimiter;
pub use shown_address::shown_address;
pub use size::Size;
pub use source::{GitUrl, Revision, Source, SourceError, Trust, address_like};
pub use span::Span;
pub use text::{hex, is_unseen, shown, shown_list, visible, visible_line, write_hex};
pub use tree_path::{PathError, TreePath};
