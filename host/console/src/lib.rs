//! The web console: one HTML page, a style sheet and ES modules, included in the program.
//!
//! The page is the same for every path below `/console`; its modules render the path. All files have the digest of the
//! whole console in their path, so browsers may cache them without asking again, and never mix the files of two
//! versions. The console calls only the public API of the host and loads nothing from elsewhere.

mod assets;

use std::sync::LazyLock;

use host_core::{Digest, DigestWriter};

use assets::ASSETS;

/// A file of the console.
#[derive(Debug)]
pub struct Asset {
    /// The file name, for example `app.js`.
    pub name: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub content: &'static str,
}

/// The page with the placeholder `VERSION` in the paths of its files.
const PAGE: &str = include_str!("../assets/index.html");

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = DigestWriter::new();
    for asset in ASSETS {
        digest.field(asset.name.as_bytes()).field(asset.content.as_bytes());
    }
    let digest: Digest = digest.finish();
    digest.hex()[..16].to_owned()
});

static VERSIONED_PAGE: LazyLock<String> = LazyLock::new(|| PAGE.replace("VERSION", version()));

/// Returns the version of the console: 16 hexadecimal digits that change with its files.
pub fn version() -> &'static str {
    &VERSION
}

/// Returns the HTML page. It refers to the files as `/console/assets/<version>/<name>`.
pub fn page() -> &'static str {
    &VERSIONED_PAGE
}

/// Returns a file of this version of the console.
pub fn asset(asked_version: &str, name: &str) -> Option<&'static Asset> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    (asked_version == version()).then_some(asset)
}

#[cfg(test)]
mod tests;
