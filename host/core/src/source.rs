//! Sources of plugins.

mod error;
mod git_url;
mod read;
mod revision;
#[cfg(test)]
mod tests;
mod web;

use std::fmt;
use std::path::PathBuf;

use crate::tag::{TagPattern, TagRule};
use crate::{PathError, TreePath};

pub use error::SourceError;
pub use git_url::GitUrl;
pub use revision::Revision;
pub use web::address_like;

/// The longest text of a source or of an address.
const MAX_TEXT_BYTES: usize = 4096;

/// The source of a plugin.
///
/// | written | means |
/// |---|---|
/// | `https://host/owner/name[.git][@rev]` | a git repository, at a version, branch, tag or commit; deeper paths, too |
/// | `github:owner/name[@rev]`, `github.com/owner/name[@rev]` | a repository of a large host |
/// | `https://github.com/owner/name/tree/main`, `…/releases/tag/v1` | the revision that a web page shows |
/// | `…#tags=hello-v{version}` | the pattern of its release tags |
/// | `…#path=plugins/hello` | the folder of the plugin in a repository, folder or archive |
/// | `local:<path>`, or any other path | a folder, a `.zip` archive, or a `.so` beside its plugin.yaml |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A git repository at a revision.
    Git {
        /// The repository.
        url: GitUrl,
        /// The revision.
        revision: Revision,
        /// The pattern of its release tags; `None` chooses the tags by the rule of [`crate::tag`].
        tags: Option<TagPattern>,
    },
    /// A folder with a plugin.yaml.
    Folder(PathBuf),
    /// A ZIP archive.
    Archive(PathBuf),
    /// A prebuilt library beside its plugin.yaml.
    Library(PathBuf),
    /// The id of an archive that was uploaded over HTTP and unpacked.
    Upload(String),
    /// A plugin in a folder of a repository, folder, archive or upload.
    Inside {
        /// The other source; never `Inside` or a library.
        place: Box<Source>,
        /// The folder of the plugin.
        path: TreePath,
    },
}

/// The origin of a source's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A user with a shell on this machine, who can read its files anyway.
    CommandLine,
    /// A client of the management API, which may read files only below the configured folders.
    Http,
}

impl Source {
    /// A repository, with release tags by the general rule.
    pub fn git(url: GitUrl, revision: Revision) -> Source {
        Source::Git { url, revision, tags: None }
    }

    /// The source without the folder of the plugin in it: the repository, folder, file or upload.
    pub fn place(&self) -> &Source {
        match self {
            Source::Inside { place, .. } => place,
            source => source,
        }
    }

    /// The folder of the plugin in its repository, folder, archive or upload; `None` for its root.
    pub fn path(&self) -> Option<&TreePath> {
        match self {
            Source::Inside { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The plugin in a folder of this source.
    ///
    /// # Errors
    /// [`SourceError::NoFolders`] for a library; [`SourceError::Folder`] for a path with `&` or `#`.
    pub fn inside(self, path: TreePath) -> Result<Source, SourceError> {
        if path.as_str().contains(['&', '#']) {
            let rule = "holds `&` or `#`, which end a path in the text of a source";
            return Err(PathError { path: path.to_string(), rule }.into());
        }
        match self {
            Source::Inside { place, .. } => Ok(Source::Inside { place, path }),
            Source::Library(_) => Err(SourceError::NoFolders(self.to_string())),
            place => Ok(Source::Inside { place: Box::new(place), path }),
        }
    }

    /// The same source with its place changed.
    pub fn map_place(self, change: impl FnOnce(Source) -> Source) -> Source {
        match self {
            Source::Inside { place, path } => Source::Inside { place: Box::new(change(*place)), path },
            place => change(place),
        }
    }

    /// Returns whether the source is a repository, or a folder of one.
    pub fn is_git(&self) -> bool {
        matches!(self.place(), Source::Git { .. })
    }

    /// The repository and the revision.
    pub fn as_git(&self) -> Option<(&GitUrl, &Revision)> {
        match self.place() {
            Source::Git { url, revision, .. } => Some((url, revision)),
            _ => None,
        }
    }

    /// The same source at another revision; `None` if the source has no revisions.
    pub fn at(&self, revision: Revision) -> Option<Source> {
        match self {
            Source::Git { url, tags, .. } => Some(Source::Git { url: url.clone(), revision, tags: tags.clone() }),
            Source::Inside { place, path } => {
                Some(Source::Inside { place: Box::new(place.at(revision)?), path: path.clone() })
            }
            _ => None,
        }
    }

    /// The same source with a pattern of its release tags, or without one; `None` if the source has no tags.
    pub fn with_tags(&self, tags: Option<TagPattern>) -> Option<Source> {
        match self {
            Source::Git { url, revision, .. } => {
                Some(Source::Git { url: url.clone(), revision: revision.clone(), tags })
            }
            Source::Inside { place, path } => {
                Some(Source::Inside { place: Box::new(place.with_tags(tags)?), path: path.clone() })
            }
            _ => None,
        }
    }

    /// The rule that selects the release tags of the plugin.
    pub fn tag_rule(&self) -> TagRule<'_> {
        let pattern = match self.place() {
            Source::Git { tags, .. } => tags.as_ref(),
            _ => None,
        };
        TagRule { pattern, path: self.path() }
    }

    /// The text of the source without its revision.
    pub fn without_revision(&self) -> String {
        match self {
            Source::Git { url, .. } => url.to_string(),
            Source::Inside { place, path } => format!("{}#path={path}", place.without_revision()),
            source => source.to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Git { url, revision, tags } => {
                write!(f, "{url}")?;
                if *revision != Revision::Latest {
                    write!(f, "@{revision}")?;
                }
                tags.as_ref().map_or(Ok(()), |tags| write!(f, "#tags={tags}"))
            }
            Source::Folder(path) | Source::Archive(path) | Source::Library(path) => write!(f, "{}", path.display()),
            Source::Upload(id) => write!(f, "upload:{id}"),
            Source::Inside { place, path } => match &**place {
                Source::Git { tags: Some(tags), .. } => {
                    let place = place.with_tags(None).unwrap_or_else(|| Source::clone(place));
                    write!(f, "{place}#path={path}&tags={tags}")
                }
                place => write!(f, "{place}#path={path}"),
            },
        }
    }
}

/// Checks the text of a source or of an address before it is read.
fn check_text(text: &str) -> Result<(), SourceError> {
    if text.is_empty() {
        return Err(SourceError::Empty);
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(SourceError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(SourceError::Path);
    }
    Ok(())
}
