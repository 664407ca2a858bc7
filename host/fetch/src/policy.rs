//! The handling of file names in a source.

use host_core::TreePath;

/// The handling of a file or folder because of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Added to the tree.
    Keep,
    /// Skipped: it would change how cargo builds, which a plugin must not decide.
    Drop,
    /// Refused: the name is reserved by git.
    Refuse,
}

/// Judges a path by its parts. Names are compared as a file system without case would.
pub(crate) fn judge(path: &TreePath) -> Verdict {
    let folded = path.folded();
    // `git~1` is what Windows calls `.git` in its short form.
    if folded.split('/').any(|part| matches!(part, ".git" | "git~1")) {
        return Verdict::Refuse;
    }
    let name = folded.rsplit('/').next().unwrap_or_default();
    let changes_the_build =
        folded.split('/').any(|part| part == ".cargo") || matches!(name, "rust-toolchain" | "rust-toolchain.toml");
    if changes_the_build { Verdict::Drop } else { Verdict::Keep }
}

/// Logs that a file was skipped.
pub(crate) fn report_dropped(path: &TreePath) {
    tracing::warn!(path = %path, "`{path}` is left out: a plugin does not configure the build");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_what_is_kept_dropped_and_refused() {
        for (path, verdict) in [
            ("src/lib.rs", Verdict::Keep),
            (".github/workflows/ci.yml", Verdict::Keep),
            (".gitignore", Verdict::Keep),
            ("cargo/config.toml", Verdict::Keep),
            (".cargo/config.toml", Verdict::Drop),
            ("sub/.cargo/config", Verdict::Drop),
            ("rust-toolchain", Verdict::Drop),
            ("sub/rust-toolchain.toml", Verdict::Drop),
            ("rust-toolchain/readme", Verdict::Keep),
            (".git/config", Verdict::Refuse),
            ("sub/.git", Verdict::Refuse),
            (".GIT/hooks/x", Verdict::Refuse),
            ("GIT~1/config", Verdict::Refuse),
        ] {
            assert_eq!(judge(&path.parse().unwrap()), verdict, "{path}");
        }
    }
}
