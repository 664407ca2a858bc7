//! Updates: allowed versions and the schedule of checks.

mod choose;
mod interval;
mod schedule;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use semver::Version;

pub use choose::{Available, Choice, Reason, choose, choose_commit, is_blocked};
pub use interval::{UpdateInterval, duration_text, parse_duration};
pub use schedule::{first_check, next_check};

/// The maximum number of blocked versions of a plugin.
pub const MAX_BLOCKED: usize = 1000;

/// The largest allowed update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpdateLevel {
    /// The same major and minor version.
    Patch,
    /// The same major version; for `0.x` the same minor version, as in cargo.
    #[default]
    Minor,
    /// Any newer version.
    Major,
    /// No automatic update; newer versions are reported, and an operator can install them with `update`.
    Manual,
    /// No update except to a version that an operator names; newer versions are not reported.
    Pinned,
}

/// The update policy of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatePolicy {
    level: UpdateLevel,
    automatic: bool,
    interval: UpdateInterval,
}

/// The reason why a text or number is not a valid update policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum UpdateError {
    /// The text is not an update policy.
    #[error("`{found}` is not an update policy; hint: write `patch`, `minor`, `major`, `manual` or `pinned`")]
    Policy {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The text is not a duration.
    #[error("`{found}` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds")]
    Duration {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The interval is too short for the queried servers, or implausibly long.
    #[error(
        "an interval of {} is not allowed for update checks; hint: choose between {} and {}",
        duration_text(*found), duration_text(UpdateInterval::MIN), duration_text(UpdateInterval::MAX)
    )]
    Interval { found: Duration },
    /// Automatic updates were requested with a policy that never updates automatically.
    #[error(
        "the policy `{level}` allows no automatic updates; \
         hint: set `automatic` to false, or the policy to `patch`, `minor` or `major`"
    )]
    NeverAutomatic { level: UpdateLevel },
    /// The text is not a semantic version.
    #[error("`{found}` is not a version; hint: write all three numbers, as in `1.2.0`")]
    Version {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// More than [`MAX_BLOCKED`] versions are blocked.
    #[error("more than {MAX_BLOCKED} versions are blocked; hint: use the policy `manual` or `pinned`")]
    TooManyBlocked,
}

impl UpdateError {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            UpdateError::Policy { .. } => "update_policy",
            UpdateError::Duration { .. } => "update_duration",
            UpdateError::Interval { .. } => "update_interval",
            UpdateError::NeverAutomatic { .. } => "update_never_automatic",
            UpdateError::Version { .. } => "update_version",
            UpdateError::TooManyBlocked => "update_too_many_blocked",
        }
    }
}

/// Parses versions that no update may choose. A leading `v`, as in tags, is ignored.
///
/// # Errors
/// [`UpdateError::Version`] for the first that is not one; [`UpdateError::TooManyBlocked`] above [`MAX_BLOCKED`].
pub fn blocked_versions<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<BTreeSet<Version>, UpdateError> {
    let mut blocked = BTreeSet::new();
    for text in texts {
        let version = Version::parse(text.strip_prefix('v').unwrap_or(text));
        blocked.insert(version.map_err(|_| UpdateError::Version { found: shortened(text) })?);
        if blocked.len() > MAX_BLOCKED {
            return Err(UpdateError::TooManyBlocked);
        }
    }
    Ok(blocked)
}

/// Shortens a text of a client for display.
fn shortened(text: &str) -> String {
    crate::shown(text, 80)
}

// === impl UpdateLevel ===

impl UpdateLevel {
    /// All policies: from the narrowest to the widest, then the policies that allow no update.
    pub const ALL: [UpdateLevel; 5] =
        [UpdateLevel::Patch, UpdateLevel::Minor, UpdateLevel::Major, UpdateLevel::Manual, UpdateLevel::Pinned];

    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            UpdateLevel::Patch => "patch",
            UpdateLevel::Minor => "minor",
            UpdateLevel::Major => "major",
            UpdateLevel::Manual => "manual",
            UpdateLevel::Pinned => "pinned",
        }
    }

    /// Returns whether the policy allows any automatic update.
    pub fn takes_any(self) -> bool {
        !matches!(self, UpdateLevel::Manual | UpdateLevel::Pinned)
    }

    /// Returns whether `installed` may be updated to the newer version `next`.
    pub fn allows(self, installed: &Version, next: &Version) -> bool {
        let same_major = installed.major == next.major;
        let same_minor = same_major && installed.minor == next.minor;
        match self {
            UpdateLevel::Patch => same_minor,
            UpdateLevel::Minor if installed.major == 0 => same_minor,
            UpdateLevel::Minor => same_major,
            UpdateLevel::Major => true,
            UpdateLevel::Manual | UpdateLevel::Pinned => false,
        }
    }
}

impl FromStr for UpdateLevel {
    type Err = UpdateError;

    fn from_str(text: &str) -> Result<UpdateLevel, UpdateError> {
        let found = UpdateLevel::ALL.into_iter().find(|level| level.as_str() == text);
        found.ok_or_else(|| UpdateError::Policy { found: shortened(text) })
    }
}

impl fmt::Display for UpdateLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl UpdatePolicy ===

impl UpdatePolicy {
    /// Creates a policy. The default is `minor`, not automatic, checked every hour.
    ///
    /// # Errors
    /// [`UpdateError::NeverAutomatic`] for `manual` or `pinned` with `automatic`.
    pub fn new(level: UpdateLevel, automatic: bool, interval: UpdateInterval) -> Result<UpdatePolicy, UpdateError> {
        if automatic && !level.takes_any() {
            Err(UpdateError::NeverAutomatic { level })
        } else {
            Ok(UpdatePolicy { level, automatic, interval })
        }
    }

    /// The largest allowed update.
    pub fn level(&self) -> UpdateLevel {
        self.level
    }

    /// Returns whether an allowed update is installed automatically.
    pub fn automatic(&self) -> bool {
        self.automatic
    }

    /// The interval of the checks.
    pub fn interval(&self) -> UpdateInterval {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_parses_the_text_it_displays() {
        for level in UpdateLevel::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for text in ["", "Minor", "auto", "minor ", "latest\n"] {
            assert_eq!(text.parse::<UpdateLevel>().unwrap_err().code(), "update_policy", "{text:?}");
        }
    }

    #[test]
    fn automatic_updates_need_a_level_that_allows_updates() {
        let new = |level, automatic| UpdatePolicy::new(level, automatic, UpdateInterval::default());
        for level in UpdateLevel::ALL {
            assert!(new(level, false).is_ok());
            assert_eq!(new(level, true).is_ok(), level.takes_any(), "{level}");
        }
        let error = new(UpdateLevel::Pinned, true).unwrap_err();
        assert_eq!(error.code(), "update_never_automatic");
        assert!(error.to_string().starts_with("the policy `pinned` allows no automatic updates; hint: "), "{error}");
    }

    #[test]
    fn blocked_versions_need_all_three_numbers() {
        let read = |texts: &[&str]| match blocked_versions(texts.iter().copied()) {
            Ok(versions) => versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => format!("{}: {error}", error.code()),
        };
        assert_eq!(read(&[]), "");
        assert_eq!(read(&["v1.10.0", "1.9.0", "1.10.0", "2.0.0-rc.1"]), "1.9.0 1.10.0 2.0.0-rc.1");
        assert_eq!(
            read(&["1.0.0", "1.2"]),
            "update_version: `1.2` is not a version; hint: write all three numbers, as in `1.2.0`"
        );
        let many: Vec<_> = (0..=MAX_BLOCKED).map(|n| format!("{n}.0.0")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(read(&many).starts_with("update_too_many_blocked"));
        assert!(!read(&many[1..]).starts_with("update"));
    }
}
