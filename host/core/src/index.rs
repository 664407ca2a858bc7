//! The index of plugins: a file that lists installable plugins with their repositories, versions and digests.
//!
//! | field | rule | when it is missing |
//! |---|---|---|
//! | the file | at most 1 MiB; plain YAML under the rules of plugin.yaml, or JSON; keys that are not in this table have no effect | – |
//! | `version` | 1 | the file is refused |
//! | `name` | one line | empty |
//! | `plugins[]` | at most 1000 | the file is refused |
//! | `….id` | as in plugin.yaml; the first entry with an id counts | the entry is refused |
//! | `….repository` | the https address of a git repository, without a revision | the entry is refused |
//! | `….versions[]` | 1 to 100 | the entry is refused |
//! | `….versions[].version` | three numbers, as in plugin.yaml; no version twice | the entry is refused |
//! | `….versions[].tag` | a branch or tag | the version with a `v` before it |
//! | `….versions[].commit` | 40 hex digits: the commit that the tag must have | any commit |
//! | `….versions[].digest` | `sha256:` and 64 hex digits: the digest of the fetched tree | any |
//! | `….versions[].yanked` | true: not offered, and installed only if the version is requested | false |
//! | `….name`, `.description`, `.author`, `.last_updated` | text | empty |
//! | `….tags[]` | at most 20, of one line and 40 characters | none |
//! | `….stars` | a number | 0 |
//! | `….verified`, `.official` | the statement of the index | false |
//!
//! An entry that violates a rule is skipped with its reason. The host trusts an index only for the location of a
//! source: the fetched content must match its entry.

mod read;

use semver::Version;

use crate::{Digest, GitUrl, PluginId, Revision};

pub use read::{read, read_json};

/// The content of an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// The name of the index.
    pub name: String,
    /// Its plugins, each id once, in the order of the file.
    pub plugins: Vec<IndexEntry>,
    /// The skipped entries, each with the place of the problem and the problem.
    pub refused: Vec<(String, String)>,
}

/// One plugin of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexEntry {
    /// The plugin.
    pub id: PluginId,
    /// The repository of the source.
    pub repository: GitUrl,
    /// The display name.
    pub name: String,
    /// The description.
    pub description: String,
    /// The author.
    pub author: String,
    /// The date of the last change, as written in the index.
    pub last_updated: String,
    /// Words for the search.
    pub tags: Vec<String>,
    /// The number of stars, as stated by the index.
    pub stars: u64,
    /// Whether the index states that the plugin was verified.
    pub verified: bool,
    /// Whether the index states that the plugin is official.
    pub official: bool,
    /// Its versions, newest first.
    pub versions: Vec<IndexVersion>,
}

/// One version of a plugin of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexVersion {
    /// The version.
    pub version: Version,
    /// The branch or tag of the version.
    pub tag: Revision,
    /// The commit that the tag must have.
    pub commit: Option<String>,
    /// The required digest of the tree.
    pub digest: Option<Digest>,
    /// Whether the version is withdrawn.
    pub yanked: bool,
}

impl Index {
    /// The maximum size of the file, which is checked before the file is parsed.
    pub const MAX_BYTES: usize = 1 << 20;
}

impl IndexEntry {
    /// The newest version that is offered: a release, or else the newest pre-release.
    pub fn latest(&self) -> Option<&IndexVersion> {
        let offered = || self.versions.iter().filter(|version| !version.yanked);
        offered().find(|version| version.version.pre.is_empty()).or_else(|| offered().next())
    }

    /// Returns the version of that number, even if it is withdrawn.
    pub fn version(&self, number: &Version) -> Option<&IndexVersion> {
        self.versions.iter().find(|version| version.version == *number)
    }
}
