//! The address of a repository.

use std::fmt;

use url::Url;

use super::{SourceError, check_text, web};
use crate::shown_address;

/// A repository address: `https`, a host name with an optional port, and a path; no user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GitUrl {
    /// The host name, lower case, with `:port` unless the port is 443.
    authority: String,
    /// The parts of the path without the `/` at its start, and without `.git` at its end.
    path: String,
    /// Whether the path ends with `.git`. The large hosts accept both spellings; others may serve only one.
    has_suffix: bool,
}

/// The ends of addresses of downloads. A repository with such a name is written with `.git`.
const FILE_ENDS: [&str; 7] = [".zip", ".so", ".tar.gz", ".tgz", ".tar.xz", "/plugin.yaml", "/plugin.yml"];

/// The maximum number of parts of a path.
const MAX_PARTS: usize = 20;

impl GitUrl {
    /// `host[:port]/path` without `.git`, the form that allow-lists are compared with.
    pub fn slug(&self) -> String {
        format!("{}/{}", self.authority, self.path)
    }

    /// The host name, lower case.
    pub fn host(&self) -> &str {
        self.authority.split(':').next().unwrap_or_default()
    }

    /// The port, unless it is 443.
    pub fn port(&self) -> Option<&str> {
        self.authority.split_once(':').map(|(_, port)| port)
    }

    /// Returns whether the server treats `Acme/Hello` and `acme/hello` alike, as the large hosts do; another server may
    /// not.
    pub fn ignores_case(&self) -> bool {
        web::is_known(self.host())
    }

    /// Returns whether both refer to the same repository.
    pub fn is_same_repository(&self, other: &GitUrl) -> bool {
        if self.ignores_case() { self.slug().eq_ignore_ascii_case(&other.slug()) } else { self.slug() == other.slug() }
    }

    /// Reads the address of a repository as people copy it: with or without `https://`, `.git` and a `/` at the end.
    /// It names no revision.
    ///
    /// # Errors
    /// As for a [`Source`](super::Source); [`SourceError::Url`] also for `owner/name`, which does not name a server.
    pub fn from_repository_address(text: &str) -> Result<GitUrl, SourceError> {
        let text = text.trim();
        check_text(text)?;
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => GitUrl::parse(&format!("https://{rest}")),
            Some((scheme, _)) => Err(SourceError::scheme(scheme, text)),
            None => {
                let host = text.split('/').next().unwrap_or_default();
                // `git@host:owner/name` is git's own short form of ssh.
                if host.contains('@') {
                    return Err(SourceError::scheme("ssh", text));
                }
                if host.starts_with('.') || !host.contains('.') {
                    let rule = "it contains no host name; write https://host/owner/name";
                    return Err(SourceError::Url { url: shown_address(text), rule });
                }
                GitUrl::parse(&format!("https://{text}"))
            }
        }
    }

    /// Reads `https://host[:port]/path`.
    pub(super) fn parse(text: &str) -> Result<GitUrl, SourceError> {
        let shown = shown_address(text);
        let url =
            Url::parse(text).map_err(|_| SourceError::Url { url: shown.clone(), rule: "it is not a valid URL" })?;
        let refuse = |rule| Err(SourceError::Url { url: shown.clone(), rule });
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "it contains a user name or password; remove them: the token for a private repository is in `[git.\"HOST\"]` \
                 of host.toml",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return match web::meant_by_query(&url) {
                Some(meant) => Err(SourceError::Page { url: shown, meant }),
                None => refuse("it has a query or fragment"),
            };
        }
        let Some(url::Host::Domain(host)) = url.host() else {
            return refuse("its host is an IP address, not a name");
        };
        let host = host.to_ascii_lowercase();
        let path = url.path().trim_start_matches('/').trim_end_matches('/');
        if let Some(meant) = web::repository_of_page(&host, path) {
            return Err(SourceError::Page { url: shown, meant });
        }
        let (path, has_suffix) = path.strip_suffix(".git").map_or((path, false), |path| (path, true));
        let parts: Vec<_> = path.split('/').collect();
        if web::is_known(&host) && parts.len() < 2 || path.is_empty() {
            return refuse("its path is not /owner/name");
        }
        let lower = path.to_ascii_lowercase();
        if !has_suffix && FILE_ENDS.iter().any(|end| lower.ends_with(end)) {
            return refuse("it names a file, not a repository; download the file and load it from disk");
        }
        let is_word = |part: &&str| {
            !part.is_empty()
                && part.len() <= 100
                && !part.starts_with(['.', '-'])
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~'))
        };
        if parts.len() > MAX_PARTS || !parts.iter().all(is_word) {
            return refuse("its path may have up to 20 parts of A-Z, a-z, 0-9, `.`, `_`, `-` and `~`");
        }
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        Ok(GitUrl { authority, path: path.to_owned(), has_suffix: has_suffix && !web::is_known(&host) })
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.has_suffix { ".git" } else { "" };
        write!(f, "https://{}/{}{suffix}", self.authority, self.path)
    }
}
