//! The rules and limits for fetching.

use std::path::PathBuf;
use std::time::Duration;

use host_core::GitUrl;

use crate::access::GitAccess;
use crate::zip::ArchiveLimits;

/// Rules and limits for fetching.
#[derive(Clone, Debug)]
pub struct Config {
    /// Mirrors, from which repositories are fetched instead of their own address. May be in a private network.
    pub mirrors: Vec<Mirror>,
    /// Allowed repositories, as `host[:port]/path` with `*` for any characters within a part, and `**` at the end for
    /// one or more parts. Empty: any repository on port 443 of a public host.
    pub allowed_repositories: Vec<String>,
    /// Tokens and certificate authorities for private repositories.
    pub git: Vec<GitAccess>,
    /// The time limit of a `token_command`.
    pub token_timeout: Duration,
    /// Folders that the management API may name sources below.
    pub source_roots: Vec<PathBuf>,
    /// The total time limit for a repository.
    pub timeout: Duration,
    /// The time limit without data from a server.
    pub stall_timeout: Duration,
    /// Most bytes that a server may send for one repository.
    pub max_git_bytes: u64,
    /// The limits of archives.
    pub archive: ArchiveLimits,
}

impl Config {
    /// Returns the address on a mirror from which the repository at `url` is fetched.
    pub(crate) fn mirrored(&self, url: &GitUrl) -> Option<String> {
        let asked = url.to_string();
        self.mirrors.iter().find_map(|Mirror { prefix, base }| {
            let (start, rest) = asked.split_at_checked(prefix.len())?;
            let is_start = start == prefix || url.ignores_case() && start.eq_ignore_ascii_case(prefix);
            is_start.then(|| format!("{base}{rest}"))
        })
    }
}

impl Default for Config {
    /// No mirrors, no tokens, any public repository, no folders over HTTP; 120 s, 10 s of silence, 64 MiB.
    fn default() -> Config {
        Config {
            mirrors: Vec::new(),
            allowed_repositories: Vec::new(),
            git: Vec::new(),
            token_timeout: Duration::from_secs(10),
            source_roots: Vec::new(),
            timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(10),
            max_git_bytes: 64 << 20,
            archive: ArchiveLimits::default(),
        }
    }
}

/// Repositories whose address starts with `prefix` are fetched from `base` plus the rest of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// For example `https://github.com/`.
    pub prefix: String,
    /// For example `http://127.0.0.1:9000/`.
    pub base: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_ignores_the_case_of_owners_where_the_server_does() {
        let mirror = |prefix: &str| Mirror { prefix: prefix.to_owned(), base: "http://mirror/".to_owned() };
        let mirrors = vec![mirror("https://github.com/Acme/"), mirror("https://git.example.org/Acme/")];
        let config = Config { mirrors, ..Config::default() };
        let of = |url: &str| config.mirrored(&GitUrl::from_repository_address(url).unwrap());
        for (url, expected) in [
            ("https://GitHub.com/acme/Hello", Some("http://mirror/Hello")),
            ("https://github.com/ACME/hello", Some("http://mirror/hello")),
            ("https://github.com/acme-x/hello", None),
            ("https://git.example.org/Acme/hello", Some("http://mirror/hello")),
            ("https://git.example.org/acme/hello", None),
        ] {
            assert_eq!(of(url).as_deref(), expected, "{url}");
        }
    }
}
