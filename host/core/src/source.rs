//! Sources of plugins.

mod git_url;
mod web;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::tag::{TagPattern, TagPatternError, TagRule};
use crate::{PathError, TreePath};

pub use git_url::GitUrl;
pub use web::address_like;

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
    #[error("scheme `{found}` is not supported; {}", instead(meant.as_deref()))]
    Scheme {
        /// The scheme, cut to 80 characters.
        found: String,
        /// The https address of the same repository.
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
    #[error("`{found}` is not a branch, tag or commit")]
    Revision {
        /// The text, cut to 80 characters.
        found: String,
    },
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
    fn scheme(scheme: &str, text: &str) -> SourceError {
        SourceError::Scheme { found: scheme.chars().take(80).collect(), meant: web::with_https(text) }
    }

    /// A word for clients, metrics and tests. Never reworded.
    pub fn code(&self) -> &'static str {
        match self {
            SourceError::Empty | SourceError::TooLong | SourceError::Path => "source_malformed",
            SourceError::Scheme { .. } => "source_scheme",
            SourceError::Url { .. } | SourceError::Page { .. } => "source_url",
            SourceError::Revision { .. } => "source_revision",
            SourceError::Fragment { .. } => "source_url",
            SourceError::Tags(_) => "source_tag_pattern",
            SourceError::Folder(_) | SourceError::NoFolders(_) => "source_path",
        }
    }
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
        if let Some(address) = web::typed(text) {
            return address.parse();
        }
        let is_https = text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if let Some(rest) = text.get(8..).filter(|_| is_https) {
            let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, after)| (rest, Some(after)));
            let Fragment { path: folder, tags } = match fragment {
                // The place in a web page.
                Some(place) if !place.contains('=') => {
                    let meant = format!("https://{rest}");
                    GitUrl::parse(&meant)?;
                    return Err(SourceError::Page { url: format!("{meant}#{place}"), meant });
                }
                fragment => fragment.map(Fragment::read).transpose()?.unwrap_or_default(),
            };
            // `@` after the last `/` of the address starts the revision; one before it would be a user.
            let (address, revision) = match rest.match_indices('@').find(|(at, _)| rest[..*at].contains('/')) {
                Some((at, _)) => (&rest[..at], rest[at + 1..].parse()?),
                None => (rest, Revision::Latest),
            };
            let page = address.split_once('/').and_then(|(host, path)| web::page(host, path.trim_end_matches('/')));
            if let Some(page) = page.filter(|_| revision == Revision::Latest) {
                let source = page.parse::<Source>()?;
                let source = source.with_tags(tags).unwrap_or(source);
                return folder.map_or(Ok(source.clone()), |folder| source.inside(folder));
            }
            let source = Source::Git { url: GitUrl::parse(&format!("https://{address}"))?, revision, tags };
            return folder.map_or(Ok(source.clone()), |folder| source.inside(folder));
        }
        let path = match text.split_once(':') {
            Some(("local", path)) => path,
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(SourceError::scheme(scheme, text));
            }
            // `user@host:path` is git's own short form of ssh.
            Some((before, _)) if before.contains('@') && !before.contains('/') => {
                return Err(SourceError::scheme("ssh", text));
            }
            _ => text,
        };
        if let Some((place, folder)) = path.rsplit_once("#path=") {
            return format!("local:{place}").parse::<Source>()?.inside(folder.parse()?);
        }
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

/// The part of a git address after `#`: `key=value` pairs, separated by `&`.
#[derive(Default)]
struct Fragment {
    path: Option<TreePath>,
    tags: Option<TagPattern>,
}

impl Fragment {
    fn read(text: &str) -> Result<Fragment, SourceError> {
        let mut fragment = Fragment::default();
        for pair in text.split('&') {
            match pair.split_once('=') {
                Some(("path", path)) if fragment.path.is_none() => fragment.path = Some(path.parse()?),
                Some(("tags", tags)) if fragment.tags.is_none() => fragment.tags = Some(tags.parse()?),
                _ => return Err(SourceError::Fragment { found: pair.chars().take(80).collect() }),
            }
        }
        Ok(fragment)
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
                    Source::Inside { .. } => "inside",
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
        let inside = "https://github.com/acme/hello@v1#path=plugins/a&tags=a-v{version}";
        assert_eq!(read(inside), format!("{inside} inside"));
        assert_eq!(read("/srv/repository#path=plugins/a"), "/srv/repository#path=plugins/a inside");
        assert_eq!(read("a.zip#path=plugins/a"), "a.zip#path=plugins/a inside");
        assert_eq!(read("a.so#path=plugins/a"), "source_path");
        assert_eq!(read("a#path=../b"), "source_path");
        assert_eq!(read("https://github.com/acme/hello#path=/etc"), "source_path");
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
            "https://gitlab.example.org/group/sub/hello.git",
            "git.example.org:8443/~user/hello",
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
            "http://github.com/acme/hello": source_scheme: scheme `http` is not supported; did you mean `https://github.com/acme/hello`?
            "git://github.com/acme/hello": source_scheme: scheme `git` is not supported; did you mean `https://github.com/acme/hello`?
            "git@github.com:acme/hello.git": source_scheme: scheme `ssh` is not supported; did you mean `https://github.com/acme/hello`?
            "github.com:8443/acme/hello": https://github.com:8443/acme/hello
            "github.com:acme/hello": source_url: `https://github.com:acme/hello` is not a repository address: it is not a valid URL
            "https://github.com/acme/hello/tree/main": source_url: `https://github.com/acme/hello/tree/main` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            "https://github.com/acme/hello@v1.0.0": source_url: `https://github.com/acme/hello@v1.0.0` is not a repository address: its path may have up to 20 parts of A-Z, a-z, 0-9, `.`, `_`, `-` and `~`
            "https://github.com/acme/hello?tab=readme": source_url: `https://github.com/acme/hello?tab=readme` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            "https://github.com/acme": source_url: `https://github.com/acme` is not a repository address: its path is not /owner/name
            "127.0.0.1/acme/hello": source_url: `https://127.0.0.1/acme/hello` is not a repository address: its host is an IP address, not a name
            "github.com/acme/he\tllo": source_malformed: the path contains a control character
            "github.com\\acme\\hello": https://github.com/acme/hello
            "github.com/../hello": source_url: `https://github.com/hello` is not a repository address: its path is not /owner/name
            "https://gitlab.example.org/group/sub/hello.git": https://gitlab.example.org/group/sub/hello.git
            "git.example.org:8443/~user/hello": https://git.example.org:8443/~user/hello
        "#]].assert_eq(&table);
        let read = |text: &str| GitUrl::from_repository_address(text).unwrap();
        assert!(read("github.com/Acme/hello.git").is_same_repository(&read("https://github.com/acme/Hello/")));
        assert!(!read("github.com/acme/hello").is_same_repository(&read("github.com/acme/hello2")));
    }
}
