//! How many files a host may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process, and what it starts, open as many files as the system lets it. A plugin with a runtime of its own keeps
/// three open: the usual 1024, which are there for the sake of `select`, are used up by some 330.
pub(super) fn open_more() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("no more than {} files can be open: {error}", limit.current.unwrap_or(u64::MAX));
    }
}
