//! The rules and limits for fetching.

use std::path::PathBuf;
use std::time::Duration;

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
