//! The layout of the data folders.
//!
//! ```text
//! <plugin_dir>                     the installed plugins; back this up
//! ├── lock                         locked by the running host
//! ├── operator.token               0600
//! ├── seal.key                     0600; the key of the encrypted secrets in `state.db`, which are lost without it
//! ├── state.db, -wal, -shm         0600; the database of `host-state`
//! ├── tmp/                         unfinished files; emptied at every start
//! ├── trees/
//! │   ├── <hex>/…                  the files of a tree, 0444 or 0555
//! │   └── <hex>.json               its index; written last, so a tree without an index is incomplete
//! ├── artifacts/
//! │   └── <hex>/
//! │       ├── library.so           0444
//! │       ├── plugin.yaml          the reviewed manifest
//! │       ├── configuration_schema.json    the schema of the configuration, if there is one
//! │       ├── body_schemas.json    the schemas of request bodies by their paths, if there are any
//! │       └── artifact.json        digests and provenance
//! ├── records/<plugin>.json        the desired state, in case state.db is lost
//! ├── crashes.jsonl                0600; the crashes of the host, written by `host-load`
//! ├── settings.json                0600; settings that were changed at run time
//! ├── unneeded.json                unreferenced trees and artifacts, each with the time since then
//! └── uploads/
//!     └── upload_<32 hex>.json     the tree of an uploaded archive
//!
//! <cache_dir>                      can be deleted while no build runs
//! ├── CACHEDIR.TAG
//! ├── fingerprints/<hex>.json      the artifact of a build, by the fingerprint of its inputs
//! ├── cargo-home/                  registry index and crates
//! ├── empty/                       the working folder of cargo, so that it finds no configuration
//! ├── sdk/<hex>/                   a copy of the SDK that plugins are built against
//! ├── targets/<toolchain>/<slot>/  cargo target folders, each with a <slot>.lock beside it
//! └── work/<hex>/                  writable copies of trees being built
//! ```

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use host_core::{Digest, PluginId};

use crate::{Error, error::IoContext as _};

/// The paths below both data folders, which are absolute.
pub(crate) struct Layout {
    pub(crate) plugin_dir: PathBuf,
    pub(crate) cache_dir: PathBuf,
}

impl Layout {
    /// Creates both data folders with their permanent subfolders.
    pub(crate) fn make(plugin_dir: &Path, cache_dir: &Path) -> Result<Layout, Error> {
        let absolute = |path: &Path| {
            make_dir(path)?;
            fs::canonicalize(path).context("resolve", path)
        };
        let layout = Layout { plugin_dir: absolute(plugin_dir)?, cache_dir: absolute(cache_dir)? };
        if layout.plugin_dir.starts_with(&layout.cache_dir) {
            return Err(Error::Overlap { plugin_dir: layout.plugin_dir, cache_dir: layout.cache_dir });
        }
        let (trees, artifacts, records) = (layout.trees(), layout.artifacts(), layout.records());
        for dir in [layout.tmp(), trees, artifacts, records, layout.uploads(), layout.fingerprints()] {
            make_dir(&dir)?;
        }
        Ok(layout)
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.plugin_dir.join("lock")
    }

    pub(crate) fn initial_admin_token(&self) -> PathBuf {
        self.plugin_dir.join("operator.token")
    }

    pub(crate) fn seal_key(&self) -> PathBuf {
        self.plugin_dir.join("seal.key")
    }

    pub(crate) fn crash_log(&self) -> PathBuf {
        self.plugin_dir.join("crashes.jsonl")
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.plugin_dir.join("tmp")
    }

    pub(crate) fn trees(&self) -> PathBuf {
        self.plugin_dir.join("trees")
    }

    pub(crate) fn tree(&self, digest: &Digest) -> PathBuf {
        self.trees().join(digest.hex())
    }

    pub(crate) fn tree_index(&self, digest: &Digest) -> PathBuf {
        self.trees().join(format!("{}.json", digest.hex()))
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.plugin_dir.join("artifacts")
    }

    pub(crate) fn artifact(&self, digest: &Digest) -> PathBuf {
        self.artifacts().join(digest.hex())
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.plugin_dir.join("records")
    }

    /// The id contains only letters, digits, `_` and `-`.
    pub(crate) fn record(&self, plugin: &PluginId) -> PathBuf {
        self.records().join(format!("{plugin}.json"))
    }

    pub(crate) fn unneeded(&self) -> PathBuf {
        self.plugin_dir.join("unneeded.json")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.plugin_dir.join("uploads")
    }

    /// `id` has been checked by `upload::is_id`.
    pub(crate) fn upload(&self, id: &str) -> PathBuf {
        self.uploads().join(format!("{id}.json"))
    }

    pub(crate) fn cache_tag(&self) -> PathBuf {
        self.cache_dir.join("CACHEDIR.TAG")
    }

    pub(crate) fn fingerprints(&self) -> PathBuf {
        self.cache_dir.join("fingerprints")
    }

    pub(crate) fn fingerprint(&self, digest: &Digest) -> PathBuf {
        self.fingerprints().join(format!("{}.json", digest.hex()))
    }

    pub(crate) fn cargo_home(&self) -> PathBuf {
        self.cache_dir.join("cargo-home")
    }

    pub(crate) fn empty(&self) -> PathBuf {
        self.cache_dir.join("empty")
    }

    pub(crate) fn sdk(&self) -> PathBuf {
        self.cache_dir.join("sdk")
    }

    pub(crate) fn targets(&self) -> PathBuf {
        self.cache_dir.join("targets")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.cache_dir.join("work")
    }
}

/// The file with changed settings, in the plugin folder.
pub(crate) const SETTINGS: &str = "settings.json";

/// File names inside an artifact's folder.
pub(crate) const LIBRARY: &str = "library.so";
pub(crate) const MANIFEST: &str = "plugin.yaml";
pub(crate) const CONFIGURATION_SCHEMA: &str = "configuration_schema.json";
pub(crate) const BODY_SCHEMAS: &str = "body_schemas.json";
pub(crate) const ARTIFACT: &str = "artifact.json";

/// Creates `path` and its parents with access for the owner only. Existing folders keep their mode.
pub(crate) fn make_dir(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).context("create folder", path)
}
