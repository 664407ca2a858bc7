//! A git repository becomes a tree: the files of one commit, read from its objects and never checked out.
//!
//! libgit2 implements git; [`http`] implements HTTP, so that the host controls addresses, redirects, sizes and times.

mod agent;
mod allow;
mod copy;
mod http;
mod lfs_download;
mod revision;
mod session;
mod token;
mod transport;
mod versions;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use git2::{AutotagOption, FetchOptions, Oid, RemoteCallbacks, Repository, RepositoryInitOptions};
use host_core::tag::TagRule;
use host_core::{GitUrl, Revision};
use host_store::Store;

use crate::{Config, Error, Fetched, lfs_pointers};
use revision::{Advertised, Choice};
use session::Session;

pub use versions::{Follow, Head, Listing, Release, Tip, versions};

/// The maximum number of objects, far above any repository of plugins; each costs memory while a pack is indexed.
const MAX_OBJECTS: usize = 500_000;

/// Fetches one commit. For a branch or tag, only its newest commit is transferred. For a commit id that no branch or
/// tag points to, all branches and tags are, because only they prove that the commit is part of them. A single
/// top-level folder stays in the paths if `keeps_top`.
pub(crate) fn fetch(
    store: &Store,
    config: &Config,
    url: &GitUrl,
    revision: &Revision,
    rule: TagRule<'_>,
    keeps_top: bool,
    cancelled: &Arc<AtomicBool>,
) -> Result<Fetched, Error> {
    let session = Arc::new(Session::new(config, url, cancelled)?);
    let folder = store.temp_dir()?;
    let attempt = || -> Result<Fetched, Error> {
        let repository = empty_repository(&session, folder.path())?;
        let (commit, reference) = transport::during(&session, || download(&session, &repository, revision, rule))?;
        let mut writer = store.new_tree()?;
        let left_out = copy::commit(&session, &repository, commit, &mut writer, store.limits())?;
        let tree = if keeps_top { writer.finish_with_top()? } else { writer.finish()? };
        let warnings = [left_out.warnings(), lfs_pointers::warnings(&tree)].concat();
        let commit = Some(commit.to_string());
        Ok(Fetched { commit, reference, ..Fetched::from_tree(tree, warnings) })
    };
    // libgit2 only reports that its transport failed; the session knows the reason.
    attempt().map_err(|error| session.failure().unwrap_or(error))
}

fn empty_repository(session: &Session, folder: &Path) -> Result<Repository, Error> {
    let git = |source| session.git_error("make a place for the objects", source);
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false).mkdir(false).no_reinit(true);
    let repository = Repository::init_opts(folder, &options).map_err(git)?;
    // The git configuration of this machine's user, such as rewritten addresses, must not affect the host.
    let own = git2::Config::open(&repository.path().join("config")).map_err(git)?;
    repository.set_config(&own).map_err(git)?;
    Ok(repository)
}

/// Downloads `revision` and returns its commit, and the branch or tag that led to it.
fn download(
    session: &Session,
    repository: &Repository,
    revision: &Revision,
    rule: TagRule<'_>,
) -> Result<(Oid, Option<String>), Error> {
    let git = |action| move |source| session.git_error(action, source);
    let mut remote = repository.remote_anonymous(session.asked()).map_err(git("name the address"))?;
    let advertised = versions::list(session, &mut remote)?;
    let choice = revision::choose(session.asked(), &advertised, revision, rule)?;
    let reference = match (&choice, revision) {
        (Choice::Tip { name, .. }, revision) if !revision.is_commit() => Some(name.clone()),
        _ => None,
    };
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| session.check().is_ok() && progress.total_objects() <= MAX_OBJECTS);
    let mut options = FetchOptions::new();
    options.download_tags(AutotagOption::None).update_fetchhead(false).remote_callbacks(callbacks);
    let specs = match &choice {
        Choice::Tip { name, .. } => {
            options.depth(1);
            vec![format!("{name}:refs/fetched/tip")]
        }
        Choice::Commit(_) => ["heads", "tags"].map(|kind| format!("refs/{kind}/*:refs/fetched/{kind}/*")).to_vec(),
    };
    remote.download(&specs, Some(&mut options)).map_err(git("download the commits"))?;

    match choice {
        Choice::Tip { id, .. } => {
            let object = repository.find_object(id, None).map_err(git("find the commit"))?;
            Ok((object.peel_to_commit().map_err(git("find the commit"))?.id(), reference))
        }
        Choice::Commit(id) => {
            let found = is_reachable(repository, &advertised, id).map_err(git("walk the history"))?;
            if found {
                Ok((id, None))
            } else {
                Err(revision::no_such_of(session.asked(), &advertised, &id.to_string(), rule))
            }
        }
    }
}

/// Returns whether a branch or tag contains the commit. Servers also have commits of forks and rejected changes,
/// written by others.
fn is_reachable(repository: &Repository, advertised: &[Advertised], id: Oid) -> Result<bool, git2::Error> {
    let mut walk = repository.revwalk()?;
    for tip in advertised {
        let commit = repository.find_object(tip.id, None).and_then(|object| object.peel_to_commit());
        // A tag may point at a file or folder, which leads to no commit.
        if let Ok(commit) = commit {
            walk.push(commit.id())?;
        }
    }
    for reached in walk {
        if reached? == id {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_rewritten_by_git_is_refused_before_any_request() {
        let url = match "https://git.invalid/acme/hello".parse().unwrap() {
            host_core::Source::Git { url, .. } => url,
            other => panic!("{other:?}"),
        };
        let session = Arc::new(Session::new(&Config::default(), &url, &Arc::default()).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let repository = empty_repository(&session, folder.path()).unwrap();
        repository.config().unwrap().set_str("url.file:///.insteadOf", "https://git.invalid/").unwrap();
        let error =
            transport::during(&session, || download(&session, &repository, &Revision::Latest, TagRule::default()))
                .unwrap_err();
        assert_eq!(error.code(), "fetch_other_url");
        assert!(error.to_string().contains("`file:///acme/hello`"), "{error}");
    }
}
