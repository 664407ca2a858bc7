//! The trees and artifacts in use.

use std::collections::HashMap;
use std::sync::Weak;

use host_core::Digest;

use crate::artifact::ArtifactInner;
use crate::tree::TreeInner;

/// The trees and artifacts in use, which are never removed. The lock is held while files are stored or removed, so that
/// no item is returned that is about to be removed.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) trees: HashMap<Digest, Weak<TreeInner>>,
    pub(crate) artifacts: HashMap<Digest, Weak<ArtifactInner>>,
}
