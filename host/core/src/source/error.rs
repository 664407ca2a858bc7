//! The reasons why a text is not a source.

use super::{MAX_TEXT_BYTES, web};
use crate::PathError;
use crate::tag::TagPatternError;

/// The reason why a text is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum SourceError {
    /// The text is empty.
    #[error("the source is empty")]
    Empty,
    /// The text is too long.
    #[error("the source is longer than {} bytes", MAX_TEXT_BYTES)]
    TooLong,
    /// The scheme of the URL is not supported.
    #[error("scheme `{found}` is not supported; {}", instead(meant.as_deref()))]
    Scheme {
        /// The scheme, cut to 80 characters.
        found: String,
        /// The https address of the same repository, or the path of a `file` URL.
        meant: Option<String>,
    },
    /// The URL is the address of a web page.
    #[error("`{url}` is not the address of a repository; did you mean `{meant}`?")]
    Page { url: String, meant: String },
    /// The URL is not a repository address.
    #[error("`{url}` is not a repository address: {rule}")]
    Url {
        /// The address, without user and password.
        url: String,
        rule: &'static str,
    },
    /// The revision contains characters that are not allowed in a branch, tag or commit.
    #[error("`{found}` is not a branch, tag or commit; leave it out for the newest release")]
    Revision {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The address is followed by two revisions.
    #[error(
        "there are two `@` after the address; name one branch, tag or commit, or leave it out for the newest release"
    )]
    TwoRevisions,
    /// There is nothing after the `@` of a git address.
    #[error("there is no branch, tag or commit after `@`; leave `@` out for the newest release")]
    NoRevision,
    /// The path contains a control character.
    #[error("the path contains a control character")]
    Path,
    /// A key after `#` that a source does not have.
    #[error("`#{found}` is not a part of a git address; write `#path=<folder>` or `#tags=<pattern>`")]
    Fragment {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// An invalid pattern of release tags.
    #[error(transparent)]
    Tags(#[from] TagPatternError),
    /// An invalid folder in the source.
    #[error("the folder of the plugin: {0}")]
    Folder(#[from] PathError),
    /// A folder in a library.
    #[error("`{0}` is a library, which has no folders; leave `path` out")]
    NoFolders(String),
}

/// The advice for an address with another scheme.
fn instead(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "use `https://`, a folder, a `.zip` or a `.so`".to_owned(),
    }
}

impl SourceError {
    /// The refusal of an address with another scheme than `https`.
    pub(super) fn scheme(scheme: &str, text: &str) -> SourceError {
        let path = text.strip_prefix("file://").filter(|path| path.starts_with('/') && path.len() <= 200);
        let meant = path.map(str::to_owned).or_else(|| web::with_https(text));
        if let ("https", Some(meant)) = (&*scheme.to_ascii_lowercase(), &meant) {
            // A slash is missing or there is one too many.
            return SourceError::Page { url: crate::shown_address(text), meant: meant.clone() };
        }
        SourceError::Scheme { found: scheme.chars().take(80).collect(), meant }
    }

    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            SourceError::Empty | SourceError::TooLong | SourceError::Path => "source_malformed",
            SourceError::Scheme { .. } => "source_scheme",
            SourceError::Url { .. } | SourceError::Page { .. } => "source_url",
            SourceError::Revision { .. } | SourceError::TwoRevisions | SourceError::NoRevision => "source_revision",
            SourceError::Fragment { .. } => "source_url",
            SourceError::Tags(_) => "source_tag_pattern",
            SourceError::Folder(_) | SourceError::NoFolders(_) => "source_path",
        }
    }
}
