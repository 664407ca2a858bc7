//! Access to private repositories: the tokens and certificate authorities of git servers.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// The start of `https` URLs, without the scheme: `host[:port][/path]`. Names a server, an owner on it, or a single
/// repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UrlPrefix {
    /// The host name, lower case, with `:port` unless the port is 443.
    authority: String,
    /// The first parts of the path.
    path: Vec<String>,
}

/// The access to the repositories below a URL prefix: one section `[git."<prefix>"]` of host.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitAccess {
    /// The prefix of the repositories.
    pub prefix: UrlPrefix,
    /// The user name that is sent with the token.
    pub user: String,
    /// The token; `None` if only the authorities differ from the default.
    pub token: Option<TokenSource>,
    /// The PEM file of the certificate authorities that sign the server's certificate, instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// True if files in Git LFS are downloaded.
    pub lfs: bool,
    /// The other addresses from which files in Git LFS may be downloaded, besides the repository's own server.
    pub lfs_hosts: Vec<UrlPrefix>,
}

/// The source of a token. It is read for each fetch, so that a new token needs no restart, and never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The first line of a file.
    File(PathBuf),
    /// An environment variable of the host.
    Environment(String),
    /// The first line that a program writes to its standard output.
    Command {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
        /// Its whole environment.
        environment: Vec<(String, String)>,
    },
}

/// The reason why a text is not a [`UrlPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host with an optional port and path, such as `github.com` or `git.example.org:8443/group`")]
pub struct UrlPrefixError;

/// The user name of GitHub for tokens. GitLab, Gitea and Bitbucket's access tokens accept any name.
pub const DEFAULT_GIT_USER: &str = "x-access-token";

/// Returns the access with the longest prefix of `url`; `None` if no prefix fits, or if `url` is not an `https` URL.
pub(crate) fn access_for<'a>(all: &'a [GitAccess], url: &str) -> Option<&'a GitAccess> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https")?;
    all.iter().filter(|access| access.prefix.contains(&url)).max_by_key(|access| access.prefix.path.len())
}

impl UrlPrefix {
    /// Returns whether a URL starts with this prefix. Parts of the path are compared as a whole, without regard to
    /// case.
    pub(crate) fn contains(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.path().trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let mut parts = path.split('/');
        self.authority.eq_ignore_ascii_case(&authority)
            && self.path.iter().all(|own| parts.next().is_some_and(|part| part.eq_ignore_ascii_case(own)))
    }
}

impl FromStr for UrlPrefix {
    type Err = UrlPrefixError;

    fn from_str(text: &str) -> Result<UrlPrefix, UrlPrefixError> {
        let is_word =
            |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~'));
        let is_part = |part: &&str| !part.is_empty() && !part.starts_with('.') && is_word(part);
        let (server, path) = match text.split_once('/') {
            Some((server, path)) => (server, path.split('/').collect()),
            None => (text, vec![]),
        };
        let (host, port) = server.split_once(':').unwrap_or((server, "443"));
        // Only digits: other text there would make another host of the URL below, which would get the token.
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port != 0);
        let is_label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
        let is_host = is_word(host) && !host.contains('~') && host.split('.').all(is_label);
        if !is_host || !is_port || !path.iter().all(is_part) {
            return Err(UrlPrefixError);
        }
        let url = Url::parse(&format!("https://{server}/")).map_err(|_| UrlPrefixError)?;
        // Numbers such as `127.1` are addresses in another form.
        let host = url.host_str().filter(|read| read.eq_ignore_ascii_case(host)).ok_or(UrlPrefixError)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let without_suffix = |part: &str| part.strip_suffix(".git").unwrap_or(part).to_owned();
        Ok(UrlPrefix { authority, path: path.into_iter().map(without_suffix).collect() })
    }
}

impl fmt::Display for UrlPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)?;
        self.path.iter().try_for_each(|part| write!(f, "/{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_of_exactly_the_same_server_is_chosen() {
        let prefixes = ["github.com", "GitHub.com/acme", "github.com/acme/hello.git", "git.example.org:8443"];
        let all = prefixes.map(|prefix| GitAccess {
            prefix: prefix.parse().unwrap(),
            user: DEFAULT_GIT_USER.to_owned(),
            token: None,
            ca_file: None,
            lfs: false,
            lfs_hosts: vec![],
        });
        for (url, expected) in [
            ("https://github.com/other/hello", Some("github.com")),
            ("https://github.com/acme/other", Some("github.com/acme")),
            ("https://github.com/Acme/other.git", Some("github.com/acme")),
            ("https://github.com/acme/hello", Some("github.com/acme/hello")),
            ("https://github.com/acme/hello.git", Some("github.com/acme/hello")),
            ("https://github.com/acme-x/hello", Some("github.com")),
            ("https://github.com:443/x/y", Some("github.com")),
            ("https://github.com:8443/acme/hello", None),
            ("https://git.example.org:8443/hello", Some("git.example.org:8443")),
            ("https://git.example.org/hello", None),
            ("https://github.com.example.org/acme/hello", None),
            ("https://api.github.com/acme/hello", None),
            ("https://example.org/github.com/acme/hello", None),
            ("https://github.com@example.org/acme/hello", None),
            ("http://github.com/acme/hello", None),
        ] {
            let found = access_for(&all, url).map(|access| access.prefix.to_string());
            assert_eq!(found.as_deref().map(str::to_lowercase).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_prefix_is_a_host_with_an_optional_port_and_path() {
        for text in [
            "",
            "/acme",
            "https://github.com",
            "github.com/",
            "github.com//x",
            "github.com/../x",
            "a b",
            "u@github.com",
            "github.com?x",
            "github.com/a#b",
            "github.com/*",
            "github.com:x",
            "github.com:",
            "github.com:0",
            "github.com:99999",
            "github.com:443@evil.example:9",
            "user:password@github.com",
            "github.com:8443?x=1",
            "github.com:8443#x",
            "github.com:\\\\evil",
            "127.1",
            "0x7f.1",
            "-",
            "-a.example",
            "a-.example",
            "a..example",
            ".example",
            "github.com.",
            "~a.example",
        ] {
            assert_eq!(text.parse::<UrlPrefix>(), Err(UrlPrefixError), "{text}");
        }
        for (text, shown) in [
            ("GitHub.com", "github.com"),
            ("github.com:443/Acme", "github.com/Acme"),
            ("localhost:8443/~user/x.git", "localhost:8443/~user/x"),
        ] {
            assert_eq!(text.parse::<UrlPrefix>().unwrap().to_string(), shown);
        }
    }
}
