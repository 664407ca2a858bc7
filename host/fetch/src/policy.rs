//! The handling of file names in a source.

use host_core::TreePath;

use crate::left_out::Reason;

/// The handling of a file or folder because of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// Added to the tree.
    Keep,
    /// Left out, with the part of the path that is the reason.
    Drop(Reason, &'a str),
    /// Refused, because some file systems treat the name as `.git`.
    Refuse,
}

/// Judges a path by its parts. Names are compared without regard to case, as some file systems do.
pub(crate) fn judge(path: &TreePath) -> Verdict<'_> {
    let text = path.as_str();
    let mut end = 0;
    for part in path.parts() {
        end += part.len();
        if let Some(verdict) = judge_part(part, text, end) {
            return verdict;
        }
        end += 1;
    }
    Verdict::Keep
}

/// Judges the part of `text` that ends at `end`.
fn judge_part<'a>(part: &str, text: &'a str, end: usize) -> Option<Verdict<'a>> {
    let is_last = end == text.len();
    let to_here = text.get(..end).unwrap_or(text);
    let drop = |reason| Some(Verdict::Drop(reason, to_here));
    match part.to_lowercase().as_str() {
        ".git" if part == ".git" => drop(Reason::GitData),
        // `git~1` is what Windows calls `.git` in its short form.
        ".git" | "git~1" => Some(Verdict::Refuse),
        ".cargo" => drop(Reason::BuildConfiguration),
        "rust-toolchain" | "rust-toolchain.toml" if is_last => drop(Reason::BuildConfiguration),
        "__macosx" => drop(Reason::DesktopData),
        ".ds_store" | "thumbs.db" | "desktop.ini" if is_last => drop(Reason::DesktopData),
        name if is_last && name.starts_with("._") => drop(Reason::DesktopData),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_what_is_kept_left_out_and_refused() {
        use Reason::{BuildConfiguration, DesktopData, GitData};
        for (path, verdict) in [
            ("src/lib.rs", Verdict::Keep),
            (".github/workflows/ci.yml", Verdict::Keep),
            (".gitignore", Verdict::Keep),
            ("cargo/config.toml", Verdict::Keep),
            (".cargo/config.toml", Verdict::Drop(BuildConfiguration, ".cargo")),
            ("sub/.cargo/config", Verdict::Drop(BuildConfiguration, "sub/.cargo")),
            ("rust-toolchain", Verdict::Drop(BuildConfiguration, "rust-toolchain")),
            ("sub/rust-toolchain.toml", Verdict::Drop(BuildConfiguration, "sub/rust-toolchain.toml")),
            ("rust-toolchain/readme", Verdict::Keep),
            ("__MACOSX/hello/._x", Verdict::Drop(DesktopData, "__MACOSX")),
            ("hello/.DS_Store", Verdict::Drop(DesktopData, "hello/.DS_Store")),
            ("hello/._lib.rs", Verdict::Drop(DesktopData, "hello/._lib.rs")),
            ("Thumbs.db", Verdict::Drop(DesktopData, "Thumbs.db")),
            ("Desktop.ini", Verdict::Drop(DesktopData, "Desktop.ini")),
            ("._x/readme", Verdict::Keep),
            (".git/config", Verdict::Drop(GitData, ".git")),
            ("sub/.git", Verdict::Drop(GitData, "sub/.git")),
            (".GIT/hooks/x", Verdict::Refuse),
            ("GIT~1/config", Verdict::Refuse),
        ] {
            assert_eq!(judge(&path.parse().unwrap()), verdict, "{path}");
        }
    }
}
