//! Sources of plugins.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use crate::tag::{TagPattern, TagPatternError, TagRule};

/// The source of a plugin.
///
/// | written | means |
/// |---|---|
/// | `https://host/owner/name[.git][@rev]` | a git repository, at a version, branch, tag or commit |
/// | `…#tags=hello-v{version}` | the pattern of its release tags |
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
}

/// A revision of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// The newest release tag (no pre-release), or the default branch if there is none.
    Latest,
    /// A tag, a branch, a full commit id or the version of a tag; 1 to 200 of `A-Z a-z 0-9 . _ / -`, no `..`, not
    /// starting with `-`.
    Named(String),
}

/// The origin of a source's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A user with a shell on this machine, who can read its files anyway.
    CommandLine,
    /// A client of the management API, which may read files only below the configured folders.
    Http,
}

/// A repository address: `https`, a host name, `/owner/name`; no user, port, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GitUrl {
    host: String,
    owner: String,
    name: String,
}

/// The reason why a text is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum SourceError {
    /// The text is empty.
    #[error("the source is empty")]
    Empty,
    /// The text is longer than 4096 bytes.
    #[error("the source is longer than 4096 bytes")]
    TooLong,
    /// The scheme of the URL is not supported.
    #[error("scheme `{found}` is not supported; use `https://`, a folder, a `.zip` or a `.so`")]
    Scheme { found: String },
    /// The URL is not a repository address.
    #[error("`{url}` is not a repository address: {rule}")]
    Url {
        /// The address, without user and password.
        url: String,
        rule: &'static str,
    },
    /// The revision contains characters that are not allowed in a branch, tag or commit.
    #[error("`{found}` is not a branch, tag or commit")]
    Revision {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The path contains a control character.
    #[error("the path contains a control character")]
    Path,
    /// A key after `#` that a source does not have.
    #[error("`#{found}` is not a part of a git address; write `#tags=<pattern>`")]
    Fragment {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// An invalid pattern of release tags.
    #[error(transparent)]
    Tags(#[from] TagPatternError),
}

impl SourceError {
    /// A word for clients, metrics and tests. Never reworded.
    pub fn code(&self) -> &'static str {
        match self {
            SourceError::Empty | SourceError::TooLong | SourceError::Path => "source_malformed",
            SourceError::Scheme { .. } => "source_scheme",
            SourceError::Url { .. } => "source_url",
            SourceError::Revision { .. } => "source_revision",
            SourceError::Fragment { .. } => "source_url",
            SourceError::Tags(_) => "source_tag_pattern",
        }
    }
}

impl Source {
    /// A repository, with release tags by the general rule.
    pub fn git(url: GitUrl, revision: Revision) -> Source {
        Source::Git { url, revision, tags: None }
    }

    /// The same source at another revision; `None` if the source has no revisions.
    pub fn at(&self, revision: Revision) -> Option<Source> {
        match self {
            Source::Git { url, tags, .. } => Some(Source::Git { url: url.clone(), revision, tags: tags.clone() }),
            _ => None,
        }
    }

    /// The same source with a pattern of its release tags, or without one; `None` if the source has no tags.
    pub fn with_tags(&self, tags: Option<TagPattern>) -> Option<Source> {
        match self {
            Source::Git { url, revision, .. } => {
                Some(Source::Git { url: url.clone(), revision: revision.clone(), tags })
            }
            _ => None,
        }
    }

    /// The rule that selects the release tags of the plugin.
    pub fn tag_rule(&self) -> TagRule<'_> {
        match self {
            Source::Git { tags, .. } => TagRule { pattern: tags.as_ref(), path: None },
            _ => TagRule::default(),
        }
    }

    /// The text of the source without its revision.
    pub fn without_revision(&self) -> String {
        match self {
            Source::Git { url, .. } => url.to_string(),
            source => source.to_string(),
        }
    }
}

impl GitUrl {
    /// `host/owner/name` with the host in lower case, as it is compared with allow-lists.
    pub fn slug(&self) -> String {
        format!("{}/{}/{}", self.host, self.owner, self.name)
    }

    /// The host name, lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `/owner/name`.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.owner, self.name)
    }

    /// Returns whether both refer to the same repository: git servers treat `Acme/Hello` and `acme/hello` alike.
    pub fn is_same_repository(&self, other: &GitUrl) -> bool {
        self.slug().eq_ignore_ascii_case(&other.slug())
    }

    /// Reads the address of a repository as people copy it: with or without `https://`, `.git` and a `/` at the end.
    /// It names no revision.
    ///
    /// # Errors
    /// As for a [`Source`]; [`SourceError::Url`] also for `owner/name`, which does not name a server.
    pub fn from_repository_address(text: &str) -> Result<GitUrl, SourceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SourceError::Empty);
        }
        if text.len() > 4096 {
            return Err(SourceError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(SourceError::Path);
        }
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => GitUrl::parse(&format!("https://{rest}")),
            Some((scheme, _)) => Err(SourceError::Scheme { found: scheme.chars().take(80).collect() }),
            None => {
                let host = text.split('/').next().unwrap_or_default();
                // `git@host:owner/name` is git's own short form of ssh.
                if host.contains('@') {
                    return Err(SourceError::Scheme { found: "ssh".to_owned() });
                }
                if host.starts_with('.') || !host.contains('.') {
                    let rule = "it contains no host name; write https://host/owner/name";
                    return Err(SourceError::Url { url: text.chars().take(120).collect(), rule });
                }
                GitUrl::parse(&format!("https://{text}"))
            }
        }
    }

    fn parse(text: &str) -> Result<GitUrl, SourceError> {
        let shown = |url: &Url| {
            let mut url = url.clone();
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        };
        let url = Url::parse(text)
            .map_err(|_| SourceError::Url { url: text.chars().take(120).collect(), rule: "it is not a valid URL" })?;
        let refuse = |rule| Err(SourceError::Url { url: shown(&url), rule });
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it contains a user name or password");
        }
        if url.port().is_some() {
            return refuse("it contains a port");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("it has a query or fragment");
        }
        let Some(url::Host::Domain(host)) = url.host() else {
            return refuse("its host is an IP address, not a name");
        };
        let host = host.to_ascii_lowercase();
        let path = url.path().trim_start_matches('/').trim_end_matches('/');
        let mut parts = path.split('/');
        let (Some(owner), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
            return refuse("its path is not /owner/name");
        };
        let name = name.strip_suffix(".git").unwrap_or(name);
        let word = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && !part.starts_with(['.', '-'])
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        if !word(owner) || !word(name) {
            return refuse("owner and name must contain only A-Z, a-z, 0-9, `.`, `_` and `-`");
        }
        Ok(GitUrl { host, owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/{}/{}", self.host, self.owner, self.name)
    }
}

impl FromStr for Revision {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Revision, SourceError> {
        if text.is_empty() || text == "latest" {
            return Ok(Revision::Latest);
        }
        let good = text.len() <= 200
            && !text.starts_with(['-', '/', '.'])
            && !text.ends_with(['/', '.'])
            && !text.contains("..")
            && !text.contains("//")
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-' | '+'));
        if good {
            Ok(Revision::Named(text.to_owned()))
        } else {
            Err(SourceError::Revision { found: text.chars().take(80).collect() })
        }
    }
}

impl Revision {
    /// Returns whether the text has the form of a full commit id. A branch or tag may have such a name, too.
    pub fn is_commit(&self) -> bool {
        let Revision::Named(name) = self else { return false };
        name.len() == 40 && name.bytes().all(|c| c.is_ascii_hexdigit())
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Latest => f.write_str("latest"),
            Revision::Named(name) => f.write_str(name),
        }
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Source, SourceError> {
        if text.is_empty() {
            return Err(SourceError::Empty);
        }
        if text.len() > 4096 {
            return Err(SourceError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(SourceError::Path);
        }
        if let Some(rest) = text.strip_prefix("https://") {
            let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, after)| (rest, Some(after)));
            let tags = fragment.map(read_fragment).transpose()?;
            // `@` after the last `/` of the address starts the revision; one before it would be a user.
            let (address, revision) = match rest.match_indices('@').find(|(at, _)| rest[..*at].contains('/')) {
                Some((at, _)) => (&rest[..at], rest[at + 1..].parse()?),
                None => (rest, Revision::Latest),
            };
            return Ok(Source::Git { url: GitUrl::parse(&format!("https://{address}"))?, revision, tags });
        }
        let path = match text.split_once(':') {
            Some(("local", path)) => path,
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(SourceError::Scheme { found: scheme.chars().take(80).collect() });
            }
            // `user@host:path` is git's own short form of ssh.
            Some((before, _)) if before.contains('@') && !before.contains('/') => {
                return Err(SourceError::Scheme { found: "ssh".to_owned() });
            }
            _ => text,
        };
        if path.is_empty() {
            return Err(SourceError::Empty);
        }
        let lower = path.to_ascii_lowercase();
        let path = PathBuf::from(path);
        Ok(if lower.ends_with(".zip") {
            Source::Archive(path)
        } else if lower.ends_with(".so") {
            Source::Library(path)
        } else {
            Source::Folder(path)
        })
    }
}

/// Reads the part of a git address after `#`.
fn read_fragment(text: &str) -> Result<TagPattern, SourceError> {
    match text.strip_prefix("tags=") {
        Some(pattern) => Ok(pattern.parse()?),
        None => Err(SourceError::Fragment { found: text.chars().take(80).collect() }),
    }
}

fn is_scheme(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match text.parse::<Source>() {
            Ok(source) => format!(
                "{source} {}",
                match source {
                    Source::Git { .. } => "git",
                    Source::Folder(_) => "folder",
                    Source::Archive(_) => "archive",
                    Source::Library(_) => "library",
                    Source::Upload(_) => "upload",
                }
            ),
            Err(error) => error.code().to_owned(),
        }
    }

    #[test]
    fn the_kind_of_a_source_is_recognised_by_its_text() {
        assert_eq!(read("https://github.com/acme/hello"), "https://github.com/acme/hello git");
        assert_eq!(read("https://GitHub.com/acme/hello.git/"), "https://github.com/acme/hello git");
        assert_eq!(read("https://github.com/acme/hello@v1.2.0"), "https://github.com/acme/hello@v1.2.0 git");
        assert_eq!(read("https://github.com/acme/hello@feature/x"), "https://github.com/acme/hello@feature/x git");
        let tags = "https://github.com/acme/hello@v1.2.0#tags=hello-v{version}";
        assert_eq!(read(tags), format!("{tags} git"));
        assert_eq!(read("examples/hello"), "examples/hello folder");
        assert_eq!(read("local:/srv/hello"), "/srv/hello folder");
        assert_eq!(read("a/hello.ZIP"), "a/hello.ZIP archive");
        assert_eq!(read("a/libhello.so"), "a/libhello.so library");
    }

    #[test]
    fn addresses_other_than_plain_https_are_refused() {
        for (text, code) in [
            ("", "source_malformed"),
            ("local:", "source_malformed"),
            ("a\nb", "source_malformed"),
            ("http://github.com/a/b", "source_scheme"),
            ("ssh://github.com/a/b", "source_scheme"),
            ("git@github.com:a/b", "source_scheme"),
            ("file:///etc", "source_scheme"),
            ("ext::sh -c id", "source_scheme"),
            ("https://user:secret@github.com/a/b", "source_url"),
            ("https://github.com:8443/a/b", "source_url"),
            ("https://github.com/a/b?x=1", "source_url"),
            ("https://github.com/a/b#main", "source_url"),
            ("https://127.0.0.1/a/b", "source_url"),
            ("https://[::1]/a/b", "source_url"),
            ("https://github.com/a", "source_url"),
            ("https://github.com/a/b/c", "source_url"),
            ("https://github.com/a/--upload-pack=x", "source_url"),
            ("https://github.com/a/%2e%2e", "source_url"),
            ("https://github.com/a/b@--upload-pack=x", "source_revision"),
            ("https://github.com/a/b@x y", "source_revision"),
            ("https://github.com/a/b@a..b", "source_revision"),
            ("https://github.com/a/b#tags=v1", "source_tag_pattern"),
            ("https://github.com/a/b#tag=v{version}", "source_url"),
        ] {
            assert_eq!(read(text), code, "{text}");
        }
    }

    #[test]
    fn error_messages_never_contain_a_password() {
        let error = "https://user:hunter2@github.com/a/b".parse::<Source>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        for text in ["https://user:hunter2@github.com/a/b", "user:hunter2@github.com/a/b", "ssh://u:hunter2@h/a/b"] {
            let error = GitUrl::from_repository_address(text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn repository_addresses_are_accepted_in_the_forms_that_people_copy() {
        let mut table = String::new();
        for text in [
            "https://github.com/acme/hello",
            "https://github.com/acme/hello.git",
            "https://github.com/acme/hello/",
            "https://github.com/acme/hello.git/",
            "HTTPS://GitHub.com/Acme/Hello",
            " https://github.com/acme/hello\n",
            "github.com/acme/hello",
            "github.com/acme/hello.git",
            "github.com/acme/hello/",
            "git.example.org/acme/hello",
            "",
            "acme/hello",
            "hello",
            "./acme/hello",
            "http://github.com/acme/hello",
            "git://github.com/acme/hello",
            "git@github.com:acme/hello.git",
            "github.com:8443/acme/hello",
            "github.com:acme/hello",
            "https://github.com/acme/hello/tree/main",
            "https://github.com/acme/hello@v1.0.0",
            "https://github.com/acme/hello?tab=readme",
            "https://github.com/acme",
            "127.0.0.1/acme/hello",
            "github.com/acme/he\tllo",
            "github.com\\acme\\hello",
            "github.com/../hello",
        ] {
            let read = match GitUrl::from_repository_address(text) {
                Ok(url) => url.to_string(),
                Err(error) => format!("{}: {error}", error.code()),
            };
            table += &format!("{text:?}: {read}\n");
        }
        expect_test::expect![[r#"
            "https://github.com/acme/hello": https://github.com/acme/hello
            "https://github.com/acme/hello.git": https://github.com/acme/hello
            "https://github.com/acme/hello/": https://github.com/acme/hello
            "https://github.com/acme/hello.git/": https://github.com/acme/hello
            "HTTPS://GitHub.com/Acme/Hello": https://github.com/Acme/Hello
            " https://github.com/acme/hello\n": https://github.com/acme/hello
            "github.com/acme/hello": https://github.com/acme/hello
            "github.com/acme/hello.git": https://github.com/acme/hello
            "github.com/acme/hello/": https://github.com/acme/hello
            "git.example.org/acme/hello": https://git.example.org/acme/hello
            "": source_malformed: the source is empty
            "acme/hello": source_url: `acme/hello` is not a repository address: it contains no host name; write https://host/owner/name
            "hello": source_url: `hello` is not a repository address: it contains no host name; write https://host/owner/name
            "./acme/hello": source_url: `./acme/hello` is not a repository address: it contains no host name; write https://host/owner/name
            "http://github.com/acme/hello": source_scheme: scheme `http` is not supported; use `https://`, a folder, a `.zip` or a `.so`
            "git://github.com/acme/hello": source_scheme: scheme `git` is not supported; use `https://`, a folder, a `.zip` or a `.so`
            "git@github.com:acme/hello.git": source_scheme: scheme `ssh` is not supported; use `https://`, a folder, a `.zip` or a `.so`
            "github.com:8443/acme/hello": source_url: `https://github.com:8443/acme/hello` is not a repository address: it contains a port
            "github.com:acme/hello": source_url: `https://github.com:acme/hello` is not a repository address: it is not a valid URL
            "https://github.com/acme/hello/tree/main": source_url: `https://github.com/acme/hello/tree/main` is not a repository address: its path is not /owner/name
            "https://github.com/acme/hello@v1.0.0": source_url: `https://github.com/acme/hello@v1.0.0` is not a repository address: owner and name must contain only A-Z, a-z, 0-9, `.`, `_` and `-`
            "https://github.com/acme/hello?tab=readme": source_url: `https://github.com/acme/hello?tab=readme` is not a repository address: it has a query or fragment
            "https://github.com/acme": source_url: `https://github.com/acme` is not a repository address: its path is not /owner/name
            "127.0.0.1/acme/hello": source_url: `https://127.0.0.1/acme/hello` is not a repository address: its host is an IP address, not a name
            "github.com/acme/he\tllo": source_malformed: the path contains a control character
            "github.com\\acme\\hello": https://github.com/acme/hello
            "github.com/../hello": source_url: `https://github.com/hello` is not a repository address: its path is not /owner/name
        "#]].assert_eq(&table);
        let read = |text: &str| GitUrl::from_repository_address(text).unwrap();
        assert!(read("github.com/Acme/hello.git").is_same_repository(&read("https://github.com/acme/Hello/")));
        assert!(!read("github.com/acme/hello").is_same_repository(&read("github.com/acme/hello2")));
    }
}
