//! Chooses the version of an update.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use semver::Version;

use super::UpdateLevel;
use crate::Revision;

/// A version that could be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// The version.
    pub version: Version,
    /// The revision to fetch.
    pub revision: Revision,
    /// The commit of the revision, 40 hex digits.
    pub commit: String,
}

/// The allowed version, the newest version, and the reasons for the difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The newest version that the policy allows.
    pub newest_allowed: Option<Available>,
    /// The newest version regardless of the policy. Blocked versions are left out. So are pre-releases, except the next
    /// ones of an installed pre-release. `None` if it is installed, and for pinned plugins.
    pub newest: Option<Available>,
    /// Versions newer than the allowed one with the reason they are held back, and blocked versions; newest first. At
    /// most 50, plus the blocked ones.
    pub held_back: Vec<(Version, Reason)>,
}

/// The reason why a newer version is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The operator, or a rollback, has blocked it.
    Blocked,
    /// A pre-release of another version than the installed one.
    PreRelease,
    /// The policy does not allow it.
    Policy(UpdateLevel),
}

const MAX_HELD_BACK: usize = 50;

impl Reason {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Blocked => "blocked",
            Reason::PreRelease => "pre_release",
            Reason::Policy(_) => "policy",
        }
    }

    /// One sentence for people.
    pub fn sentence(self) -> String {
        match self {
            Reason::Blocked => "it is blocked".to_owned(),
            Reason::PreRelease => "it is a pre-release".to_owned(),
            Reason::Policy(level) => format!("the policy is `{level}`"),
        }
    }
}

/// Chooses among the available versions. Never chooses the installed version or an older one.
///
/// Build metadata does not make a version newer. Of versions that differ only in metadata, the greatest metadata wins;
/// of two entries with the same version, the later one. A blocked version without metadata applies to all its builds.
pub fn choose(installed: &Version, available: &[Available], level: UpdateLevel, blocked: &BTreeSet<Version>) -> Choice {
    let is_newer = |version: &Version, than: &Version| version.cmp_precedence(than) == Ordering::Greater;
    let held = |version: &Version| {
        if is_blocked(blocked, version) {
            Some(Reason::Blocked)
        } else if !version.pre.is_empty() && !is_next_pre_release(installed, version) {
            Some(Reason::PreRelease)
        } else if !level.allows(installed, version) {
            Some(Reason::Policy(level))
        } else {
            None
        }
    };
    let mut newer: Vec<_> = available.iter().filter(|found| is_newer(&found.version, installed)).collect();
    newer.sort_by(|a, b| a.version.cmp(&b.version));
    let newest_of = |wanted: &dyn Fn(Option<Reason>) -> bool| {
        newer.iter().rev().find(|found| wanted(held(&found.version))).map(|found| (*found).clone())
    };
    let newest_allowed = newest_of(&|reason| reason.is_none());
    let newest = newest_of(&|reason| matches!(reason, None | Some(Reason::Policy(_))));

    let mut held_back: Vec<(Version, Reason)> = Vec::new();
    let mut n_not_blocked = 0;
    for found in newer.iter().rev() {
        let Some(reason) = held(&found.version) else { continue };
        let is_above = newest_allowed.as_ref().is_none_or(|allowed| is_newer(&found.version, &allowed.version));
        let wanted = match reason {
            Reason::Blocked => true,
            _ => is_above && n_not_blocked < MAX_HELD_BACK,
        };
        // Two tags of the same version are adjacent.
        if wanted && held_back.last().is_none_or(|(last, _)| *last != found.version) {
            n_not_blocked += usize::from(reason != Reason::Blocked);
            held_back.push((found.version.clone(), reason));
        }
    }
    Choice { newest_allowed, newest: newest.filter(|_| level != UpdateLevel::Pinned), held_back }
}

/// Returns whether the head of a branch differs from the installed commit. A commit has no version, so the size of the
/// update is unknown before it is fetched.
pub fn choose_commit(installed: Option<&str>, tip: &str) -> bool {
    installed.is_none_or(|installed| !installed.eq_ignore_ascii_case(tip))
}

/// Returns whether a version is blocked. A blocked version without metadata applies to all its builds.
pub fn is_blocked(blocked: &BTreeSet<Version>, version: &Version) -> bool {
    let any_build = Version { build: semver::BuildMetadata::EMPTY, ..version.clone() };
    blocked.contains(version) || blocked.contains(&any_build)
}

/// Returns whether the installed version and the pre-release `version` precede the same release, as `1.0.0-rc.1` and
/// `1.0.0-rc.2` do.
fn is_next_pre_release(installed: &Version, version: &Version) -> bool {
    let core = |version: &Version| (version.major, version.minor, version.patch);
    !installed.pre.is_empty() && core(installed) == core(version)
}
