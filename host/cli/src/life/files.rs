//! How many files a host may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What connections leave for everything else: libraries, builds, the state, sources. Of a small limit, half.
const RESERVE: u64 = 256;

/// Lets this process, and what it starts, open as many files as the system lets it, and says how many that are. A plugin with a
/// runtime of its own keeps three open: the usual 1024, which are there for the sake of `select`, are used up by some 330.
pub(super) fn open_more() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let many = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => many(limit.maximum),
        Err(error) => {
            tracing::warn!("no more than {} files can be open: {error}", many(limit.current));
            many(limit.current)
        }
    }
}

/// How many connections may be open at once where so many files may be.
pub(super) fn connections(configured: usize, max_files: u64) -> usize {
    let most = usize::try_from(max_files - RESERVE.min(max_files / 2)).unwrap_or(usize::MAX);
    if most < configured {
        tracing::warn!(
            "max_connections is {configured}, but {max_files} files may be open: {most} connections are taken at once; \
             raise the limit (`ulimit -n`, LimitNOFILE)"
        );
    }
    configured.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        let limits = [64, 256, 1024, 1 << 20, u64::MAX];
        assert_eq!(limits.map(|max_files| connections(4096, max_files)), [32, 128, 768, 4096, 4096]);
        assert_eq!(connections(10, 1024), 10);
    }
}
