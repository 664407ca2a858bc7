//! Everything that crosses the boundary between the plugin host and a plugin.
//!
//! # The version rule
//!
//! The version of this crate *is* the version of the ABI, and [`ABI_MAJOR`] and [`ABI_MINOR`] repeat it.
//! * **Minor** increases when a function is added at the end of a table. [`PluginRoot`], [`PluginTable`] and
//!   [`HostTable`] are prefix types: an older side has fewer functions, and a missing function reads as `None`. A host
//!   accepts every plugin of its own major version, whichever minor version is newer.
//! * **Major** increases with any other change of a type in this crate. A host accepts only its own major version.
//!
//! The first 16 bytes of the metadata section ([`metadata`]) never change, whatever the version.
//!
//! # Ownership
//!
//! Memory never changes its owner: the side that allocates it also frees it, through a function pointer that is passed
//! along ([`Chunk`], [`BodyStream`], futures). Nothing here borrows across the boundary for longer than one call. Every
//! value that a plugin hands out points into its library, so the host drops all of them before it closes the library.
//!
//! # Panics
//!
//! No function here may unwind into the other side: each side catches its own panics and returns a
//! [`Failure`]. `plugin-sdk` and the host's loader do so at every entry, poll and drop.
//!
//! | direction | type | called by |
//! |---|---|---|
//! | plugin's root | [`PluginRoot`] | the host, once per library |
//! | plugin's functions | [`PluginTable`] | the host, on any thread |
//! | host's functions | [`HostTable`] | the plugin, on any thread |
//!
//! Two foreign crates make this work, and this is the only crate that names them: `abi_stable` (layout of
//! types, checked at load) and `async-ffi` (futures).

mod chunk;
mod failure;
mod gate;
pub mod head;
mod host;
mod message;
pub mod metadata;
mod pairs;
pub mod record;
mod stream;
mod table;

pub use chunk::Chunk;
pub use failure::{Failure, failure_kind};
pub use gate::{GateError, ROOT_SYMBOL, open_root};
pub use host::{HostHandle, HostTable, HostTableRef, log_level, measure, service};
pub use message::{Request, Response};
pub use pairs::{Pairs, PairsError, write_pairs};
pub use stream::{BodyStream, StreamItem};
pub use table::{Memory, PluginHandle, PluginRoot, PluginRootRef, PluginTable, PluginTableRef, Start, hook};

pub use abi_stable::library::{LibHeader, RootModuleResult};
pub use abi_stable::std_types::{ROption, RResult, RString};
pub use async_ffi::{ContextExt, FfiContext, FfiFuture, FfiPoll, FutureExt};

/// The major version of the ABI. It increases when plugins that are already built can no longer be loaded.
pub const ABI_MAJOR: u32 = 1;
/// The minor version of the ABI. It increases when a function is added at the end of a table.
pub const ABI_MINOR: u32 = 2;

/// Items that an exporting macro needs to define the root symbol; not for plugin authors.
#[doc(hidden)]
pub mod export {
    pub use abi_stable::library::CheckTypeLayout;
    pub use abi_stable::prefix_type::{PrefixRef, WithMetadata};

    use crate::{LibHeader, PluginRootRef, RootModuleResult};

    /// Erases the type of the root module that a constructor returns.
    pub fn erase(root: PluginRootRef) -> RootModuleResult {
        use abi_stable::prefix_type::PrefixRefTrait as _;
        // SAFETY: `cast` only erases the type of the fields; the only reader, `open_root`, restores it after the layout
        // of `PluginRootRef` was compared.
        let erased = unsafe { root.to_prefix_ref().cast() };
        RootModuleResult::ROk(erased)
    }

    /// The header that the root symbol of a library holds.
    ///
    /// # Safety
    /// `constructor` must return the result of [`erase`] for a `PluginRootRef`.
    pub const unsafe fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
        // SAFETY: the caller promises that the constructor returns a `PluginRootRef`.
        unsafe { LibHeader::from_constructor::<PluginRootRef>(constructor, CheckTypeLayout::Yes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_version_is_the_abi_version() {
        assert_eq!(env!("CARGO_PKG_VERSION"), format!("{ABI_MAJOR}.{ABI_MINOR}.0"));
    }

    /// The snapshot of the boundary: a changed size, offset or order breaks plugins that are already built. Rows are
    /// only added, at the end of a table with [`ABI_MINOR`] raised; anything else raises [`ABI_MAJOR`].
    #[test]
    fn the_layout_of_the_boundary_is_the_layout_of_abi_1() {
        macro_rules! layout {
            ($($type:ty: $size:literal { $($field:ident $offset:literal)* })*) => {$(
                assert_eq!(size_of::<$type>(), $size, "size of {}", stringify!($type));
                assert_eq!(align_of::<$type>(), 8, "alignment of {}", stringify!($type));
                $(assert_eq!(
                    std::mem::offset_of!($type, $field), $offset, "offset of {}.{}", stringify!($type), stringify!($field)
                );)*
            )*};
        }
        layout! {
            Chunk: 32 {}
            BodyStream: 24 {}
            FfiFuture<()>: 24 {}
            HostHandle: 16 {}
            PluginHandle: 16 { plugin 0 table 8 }
            Start: 56 { host 0 configuration 16 generation 48 }
            Request: 96 { head 0 body 32 stream 64 }
            Response: 104 { status 0 headers 8 body 40 stream 72 }
            Failure: 72 { kind 0 message 8 location 40 }
            Memory: 24 { counted 0 live_bytes 8 peak_bytes 16 }
            // Tables: a function is 8 bytes, and the order is that of the versions.
            PluginRoot: 32 { description 0 start 8 prepare 16 memory 24 }
            PluginTable: 40 { call 0 health 8 stop 16 release 24 hook 32 }
            HostTable: 56 { log 0 release 8 log_level 16 event 24 metric 32 measure 40 request 48 }
        }
    }
}
