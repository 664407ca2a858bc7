//! The limit of open files, and the connections that fit into it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files reserved for everything but connections: libraries, builds, the state database, sources. At most half the
/// limit.
const RESERVE: u64 = 256;

/// Raises the limit of open files to the hard limit and returns it. A plugin with its own runtime keeps three files
/// open, so the usual soft limit of 1024 (which exists for `select`) would be used up by about 330 plugins.
pub(super) fn open_more() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let many = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => many(limit.maximum),
        Err(error) => {
            tracing::warn!("failed to raise the limit of open files, which is {}: {error}", many(limit.current));
            many(limit.current)
        }
    }
}

/// Returns the number of connections that fit into the limit of open files.
pub(super) fn connections(configured: usize, max_files: u64) -> usize {
    let most = usize::try_from(max_files - RESERVE.min(max_files / 2)).unwrap_or(usize::MAX);
    if most < configured {
        tracing::warn!(
            "max_connections is {configured}, but the limit of {max_files} open files leaves room for {most} connections; \
            raise the limit with `ulimit -n` or LimitNOFILE"
        );
    }
    configured.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_limit_leaves_files_for_everything_else() {
        let limits = [64, 256, 1024, 1 << 20, u64::MAX];
        assert_eq!(limits.map(|max_files| connections(4096, max_files)), [32, 128, 768, 4096, 4096]);
        assert_eq!(connections(10, 1024), 10);
    }
}
