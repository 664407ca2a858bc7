//! The result of a fetch.

use host_store::Tree;

use crate::run_time_paths;

/// A tree with its commit.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The files.
    pub tree: Tree,
    /// The git commit, 40 hex digits, when the source is a repository.
    pub commit: Option<String>,
    /// The branch or tag that led to the commit, such as `refs/tags/v1.0.0`; `None` for a commit id.
    pub reference: Option<String>,
    /// Warnings: files of the source that are not in the tree, with the reason, and probable mistakes in the plugin's
    /// code.
    pub warnings: Vec<String>,
    /// The files of a folder that its `.gitignore` files exclude.
    pub notes: Vec<String>,
}

impl Fetched {
    /// A tree that does not come from a repository, with the warnings about files that are not in it.
    pub fn from_tree(tree: Tree, warnings: Vec<String>) -> Fetched {
        Fetched { tree, commit: None, reference: None, warnings, notes: vec![] }
    }

    /// Adds the warnings about the code of the plugin.
    pub fn with_warnings_about_code(mut self) -> Fetched {
        self.warnings.extend(run_time_paths::warnings(&self.tree));
        self
    }
}
