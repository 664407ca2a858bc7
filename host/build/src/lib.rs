//! Builds the artifact of a tree: cargo, fingerprint, build cache.
//!
//! A [`Builder`] turns a tree with a `Cargo.toml` into a library by running cargo in a copy of it, and uses a prebuilt
//! library unchanged. It does not repeat a build: [`fingerprint`] defines when two builds are equal. The SDK for
//! plugins is included in this crate and replaces the one requested in `Cargo.toml`, so that host and plugin always
//! agree on it.
//!
//! Builds share target folders, the slots: a build holds one slot, others queue. [`Builder::warm`] compiles the SDK
//! into them before the first plugin.
//!
//! A build runs code of the plugin (build scripts, macros) with the rights of the host; there is no sandbox.

mod build_locks;
mod builder;
mod cargo;
mod cargo_toml;
mod checksums;
mod config;
mod counters;
mod error;
pub mod fingerprint;
mod inspect;
mod lock_file;
mod outputs;
mod prebuilt;
mod report;
mod schema;
mod sdk;
mod slots;
pub mod template;
mod toolchain;
mod warm;
mod work;

pub use builder::{BuildKind, BuildSource, Builder, Built, Forecast};
pub use cargo::{Lines, sdk_patches};
pub use cargo_toml::{has_own_lock_file, version_difference};
pub use checksums::checksum_differences;
pub use config::Config;
pub use counters::Counters;
pub use error::Error;
pub use inspect::{Code, inspect};
pub use schema::body_schemas;
pub use sdk::{install_sdk, sdk_place};
pub use toolchain::Toolchain;
