//! Finding trees in the store.

use std::fs;
use std::io;
use std::sync::{Arc, Weak};

use host_core::Digest;

use crate::shelf::Shelf;
use crate::tree::{Tree, TreeInner, digest_of, parse_index};
use crate::{Error, Store};

impl Store {
    /// Returns the tree with this digest, if it is stored completely.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the index of the tree does not match its digest.
    pub fn tree(&self, digest: &Digest) -> Result<Option<Tree>, Error> {
        self.tree_on(&mut self.shelf(), digest)
    }

    pub(crate) fn tree_on(&self, shelf: &mut Shelf, digest: &Digest) -> Result<Option<Tree>, Error> {
        let path = self.0.layout.tree(digest);
        if !path.is_dir() {
            return Ok(None);
        }
        if let Some(held) = shelf.trees.get(digest).and_then(Weak::upgrade) {
            return Ok(Some(Tree(held)));
        }
        let index = self.0.layout.tree_index(digest);
        let text = match fs::read(&index) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { action: "read", path: index, source }),
        };
        let files = parse_index(&text).map_err(|reason| Error::Corrupt { path: index.clone(), reason })?;
        if digest_of(&files) != *digest {
            let reason = "its digest does not match the digest of its files".to_owned();
            return Err(Error::Corrupt { path: index, reason });
        }
        Ok(Some(shelf.keep_tree(TreeInner { digest: *digest, path, files, part_of: None })))
    }
}

impl Shelf {
    pub(crate) fn keep_tree(&mut self, tree: TreeInner) -> Tree {
        let tree = Arc::new(tree);
        self.trees.retain(|_, held| held.strong_count() > 0);
        self.trees.insert(tree.digest, Arc::downgrade(&tree));
        Tree(tree)
    }
}
