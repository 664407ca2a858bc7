//! Errors of fetching a source.

mod hints;
mod paths;
mod zip;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use host_core::{PathError, Size, Span, TreePath};

use hints::{file_hint, folder_hint, meant, missing_hint, reach_hint, unreadable_hint};
pub use zip::ZipError;

/// The reason why a source did not become a tree.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum Error {
    /// The store refused the files.
    #[error(transparent)]
    Store(#[from] host_store::Error),
    /// The archive violates a rule.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// A file name that is not allowed in a tree.
    #[error("{0}; hint: {hint}", hint = .0.remedy())]
    Name(PathError),

    /// A file operation failed.
    #[error("failed to {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// A path that the file system cannot follow or the host may not read; the caller can correct it.
    #[error("failed to {action} `{}`; hint: {}", path.display(), unreadable_hint(source))]
    Unreadable { action: &'static str, path: PathBuf, source: io::Error },
    /// The path does not exist.
    #[error("there is no `{}`; hint: {}", path.display(), missing_hint(path, near.as_deref(), link.as_deref()))]
    NothingThere {
        path: PathBuf,
        /// A path beside it with nearly the same name.
        near: Option<PathBuf>,
        /// Where it leads to if it is a link to a missing file.
        link: Option<PathBuf>,
    },
    /// A path that callers of the management API may not name.
    #[error(
        "`{}` is not below a folder that sources may be read from; hint: {}",
        path.display(),
        meant(
            path,
            "`plugin-host load FOLDER` uploads a plugin's folder, `plugin-host check FOLDER` checks it here; otherwise add a parent folder to `source_roots`, or start \
             the host with `plugin-host serve --load`"
        )
    )]
    OutsideRoots { path: PathBuf },
    /// The source does not have the folder of the plugin.
    #[error("{place} has no folder `{path}`; hint: {found}")]
    NoFolder {
        /// The repository, folder or archive, for a sentence.
        place: String,
        path: TreePath,
        /// The folders with a plugin.yaml.
        found: String,
    },
    /// A path that should be a folder is something else.
    #[error("`{}` is a {kind}, not a folder; hint: {}", path.display(), folder_hint(path))]
    NotAFolder {
        path: PathBuf,
        /// The kind of the file, such as `pipe`.
        kind: &'static str,
    },
    /// A path that should be a regular file is something else.
    #[error("`{}` is a {kind}, not a regular file; hint: {}", path.display(), file_hint(kind))]
    NotAFile {
        path: PathBuf,
        /// The kind of the file, such as `folder`.
        kind: &'static str,
    },
    /// A pipe, socket or device inside the source.
    #[error("`{path}` is a {kind}, not a regular file; hint: remove it from the source")]
    Special { path: String, kind: &'static str },
    /// A file name that is not text.
    #[error("`{shown}` is not UTF-8; hint: rename it")]
    NotText {
        /// The name with its bad bytes replaced.
        shown: String,
    },
    /// A file name that is reserved by git.
    #[error("`{path}` is a name reserved by git; hint: remove it from the source")]
    ForbiddenName { path: String },
    /// A prebuilt library without a manifest.
    #[error("no `plugin.yaml` beside `{}`; hint: put it in the same folder", library.display())]
    NoManifestBeside { library: PathBuf },
    /// A folder inside the folder of a plugin.
    #[error("`{}` has no `plugin.yaml`; hint: name the folder of the plugin: `{}`", path.display(), plugin.display())]
    InsidePlugin { path: PathBuf, plugin: PathBuf },
    /// The upload does not exist or has expired.
    #[error("there is no upload `{id}`; hint: uploads expire, upload the archive again")]
    NoSuchUpload { id: String },

    /// There is no index file at the configured location.
    #[error(
        "there is no plugins.json, index.yaml or index.yml in `{place}`; hint: see docs/index-format.md for the format of an index"
    )]
    NoIndex {
        /// The repository or folder.
        place: String,
    },
    /// The index file exceeds the size limit.
    #[error("the index `{place}` is larger than {}", Size::from_usize(*max_bytes))]
    IndexTooLarge { place: String, max_bytes: usize },

    /// A repository that `allowed_repositories` does not list.
    #[error("repository `{slug}` is not allowed; hint: add it to `allowed_repositories`")]
    NotAllowed {
        /// `host/owner/name`.
        slug: String,
    },
    /// The host name resolves to an address in a private network.
    #[error(
        "`{host}` has the address `{address}`, which is not public; \
         hint: configure it as a mirror if this is intended"
    )]
    PrivateAddress {
        /// The requested host.
        host: String,
        /// An address that it resolves to.
        address: IpAddr,
    },
    /// The server redirected the request.
    #[error("`{url}` redirects to `{to}`, {rule}; hint: load from the target address")]
    Redirect { url: String, to: String, rule: &'static str },
    /// git was redirected to another URL.
    #[error("git requests `{found}` instead of `{asked}`; hint: look for `insteadOf` in git's configuration")]
    OtherUrl { asked: String, found: String },
    /// The repository does not exist or is private.
    #[error(
        "`{url}` answered {status}: there is no such repository, or it is private; \
         hint: check the address; {hint}"
    )]
    NoRepository { url: String, status: u16, hint: String },
    /// The server refused the token.
    #[error(
        "`{url}` answered {status}: the token of `[git.\"{prefix}\"]` in host.toml was refused; \
         hint: create a new token that may read the repository"
    )]
    TokenRefused { url: String, status: u16, prefix: String },
    /// The plugin has pointers of Git LFS instead of files.
    #[error("pointers of Git LFS instead of the files themselves: {paths}; hint: {hint}")]
    LfsPointers { paths: String, hint: String },
    /// A file in Git LFS could not be downloaded.
    #[error(
        "failed to download `{path}` of `{url}`, which is in Git LFS: {why}; \
         hint: check the file with `git lfs fsck` in a clone, or load or pack the clone"
    )]
    Lfs { url: String, path: TreePath, why: String },
    /// The server stores a file on another server.
    #[error(
        "`{path}` of `{url}` is in Git LFS on the server `{host}`, which is not in `lfs_hosts` of `[git.\"{prefix}\"]` \
         in host.toml; hint: add it, or load or pack a clone after `git lfs pull`"
    )]
    LfsHost { url: String, path: TreePath, host: String, prefix: String },
    /// A setting for private repositories cannot be used.
    #[error(
        "`{key}` of `[git.\"{prefix}\"]` in host.toml cannot be used: {why}; hint: correct it on the machine of the host"
    )]
    GitAccess { prefix: String, key: &'static str, why: String },
    /// The server answered with an error.
    #[error("`{url}` answered {status}; hint: try again later")]
    Status { url: String, status: u16 },
    /// The server is not a git server.
    #[error(
        "`{url}` answered with `{found}` instead of `{expected}`; hint: check that this is the address of a git repository"
    )]
    ContentType {
        url: String,
        /// The content type of the response.
        found: String,
        /// The content type of git servers.
        expected: &'static str,
    },
    /// The repository is larger than the limit.
    #[error(
        "`{url}` sent more than {}; \
         hint: install a branch or tag, for which only its newest commit is fetched, or an archive",
        Size::new(*max_bytes)
    )]
    GitTooLarge { url: String, max_bytes: u64 },
    /// The whole fetch took too long.
    #[error("`{url}` was not fetched within {}", Span::new(*after))]
    TimedOut { url: String, after: Duration },
    /// The server sent nothing for too long.
    #[error("`{url}` sent nothing for {}", Span::new(*after))]
    Stalled { url: String, after: Duration },
    /// The fetch was cancelled.
    #[error("the fetch was cancelled")]
    Cancelled,
    /// The request failed below HTTP.
    #[error("failed to reach `{url}`; hint: {}", reach_hint(&source.to_string()))]
    Http {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },
    /// git failed.
    #[error("failed to {action} of `{url}`")]
    Git { action: &'static str, url: String, source: git2::Error },
    /// A repository without commits.
    #[error("`{url}` has no branches and no tags; hint: push a commit to it")]
    EmptyRepository { url: String },
    /// The repository has no release, and its default branch does not exist.
    #[error(
        "`{url}` has no release tag, and its default branch does not exist; it has {known}; \
         hint: name one of them after an `@`, or correct the default branch in the settings of the repository"
    )]
    NoDefaultBranch { url: String, known: String },
    /// The repository has no such branch, tag or commit.
    #[error("`{url}` has no branch, tag or commit `{revision}`; it has {known}; hint: {hint}")]
    NoRevision {
        url: String,
        revision: String,
        /// Some of the existing branches and tags.
        known: String,
        hint: &'static str,
    },
    /// No tag matches the operator's pattern.
    #[error(
        "no tag of `{url}` matches `{pattern}`; it has {known}; hint: correct `tag_pattern`, or name a branch, tag or commit"
    )]
    NoRelease { url: String, pattern: String, known: String },
    /// The release tags have several prefixes.
    #[error(
        "it is not clear which tags of `{url}` belong to the plugin: {found}; hint: name a tag, or set `tag_pattern`, such as `{example}`"
    )]
    AmbiguousTags { url: String, found: String, example: String },
    /// The repository has more branches and tags than the host reads.
    #[error(
        "`{url}` has more than {max_refs} branches and tags, which is too many to search for versions; \
         hint: load a version by its tag"
    )]
    TooManyRefs { url: String, max_refs: usize },
    /// A submodule inside the repository.
    #[error("`{path}` is a git submodule, which is not fetched; hint: copy its files into the repository")]
    Submodule { path: String },
    /// An entry that is neither file nor folder.
    #[error("`{path}` has the git mode {mode:o}, which is neither a file nor a folder")]
    GitMode { path: String, mode: i32 },
    /// The source has too many folders.
    #[error("the source has more than {max_folders} folders")]
    TooManyFolders { max_folders: usize },
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Error {
        Error::Name(error)
    }
}

impl Error {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Store(error) => error.code(),
            Error::Zip(error) => error.code(),
            Error::Name(_) | Error::NotText { .. } => "fetch_name",
            Error::Io { source, .. } if host_store::is_full(source) => "fetch_full",
            Error::Io { .. } => "fetch_io",
            Error::Unreadable { .. } => "fetch_unreadable",
            Error::NothingThere { .. } => "fetch_nothing_there",
            Error::OutsideRoots { .. } => "fetch_outside_roots",
            Error::NoFolder { .. } => "fetch_no_folder",
            Error::NotAFolder { .. } => "fetch_not_a_folder",
            Error::NotAFile { .. } => "fetch_not_a_file",
            Error::Special { .. } => "fetch_special_file",
            Error::ForbiddenName { .. } => "fetch_forbidden_name",
            Error::NoManifestBeside { .. } | Error::InsidePlugin { .. } => "fetch_no_manifest",
            Error::NoSuchUpload { .. } => "fetch_no_such_upload",
            Error::NoIndex { .. } => "fetch_no_index",
            Error::IndexTooLarge { .. } => "fetch_index_too_large",
            Error::NotAllowed { .. } => "fetch_repository_not_allowed",
            Error::PrivateAddress { .. } => "fetch_private_address",
            Error::Redirect { .. } => "fetch_redirect",
            Error::OtherUrl { .. } => "fetch_other_url",
            Error::NoRepository { .. } => "fetch_no_repository",
            Error::TokenRefused { .. } => "fetch_token_refused",
            Error::LfsPointers { .. } => "fetch_lfs_pointers",
            Error::Lfs { .. } => "fetch_lfs",
            Error::LfsHost { .. } => "fetch_lfs_host",
            Error::GitAccess { .. } => "fetch_git_access",
            Error::Status { .. } => "fetch_http_status",
            Error::ContentType { .. } => "fetch_content_type",
            Error::GitTooLarge { .. } => "fetch_git_too_large",
            Error::TimedOut { .. } => "fetch_timed_out",
            Error::Stalled { .. } => "fetch_stalled",
            Error::Cancelled => "fetch_cancelled",
            Error::Http { .. } => "fetch_http",
            Error::Git { .. } => "fetch_git",
            Error::EmptyRepository { .. } => "fetch_empty_repository",
            Error::NoRevision { .. } | Error::NoDefaultBranch { .. } => "fetch_no_revision",
            Error::NoRelease { .. } => "fetch_no_release",
            Error::AmbiguousTags { .. } => "fetch_ambiguous_tags",
            Error::TooManyRefs { .. } => "fetch_too_many_refs",
            Error::Submodule { .. } => "fetch_submodule",
            Error::GitMode { .. } => "fetch_git_mode",
            Error::TooManyFolders { .. } => "fetch_too_many_folders",
        }
    }
}
