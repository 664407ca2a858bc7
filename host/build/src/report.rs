//! Parses the output of cargo: JSON messages on standard output, text on standard error.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use host_process::{Line, Stream};
use serde::Deserialize;

/// The amount of compiler output stored in an error: the first error and the end.
const MAX_FIRST_BYTES: usize = 16 * 1024;
const MAX_TAIL_BYTES: usize = 47 * 1024;

/// The state of a cargo run.
#[derive(Default)]
pub(crate) struct Report {
    /// The library of the package at the root.
    pub(crate) library: Option<PathBuf>,
    /// The packages that were built from the work copy, each with its name and the name of its crate.
    pub(crate) own: BTreeSet<(String, String)>,
    /// Whether cargo has started to compile.
    pub(crate) has_compiled: bool,
    complaint: Complaint,
    is_in_patch_notice: bool,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Report {
    /// Handles a line of a cargo run in `work` for the package with that manifest; returns whether it should be shown.
    pub(crate) fn take(&mut self, line: &Line, work: &Path, manifest: &Path) -> bool {
        match line.stream {
            Stream::Stdout => match serde_json::from_str::<Message>(&line.text) {
                Ok(message) => {
                    self.take_message(message, work, manifest);
                    false
                }
                // A macro or a wrapper of the compiler may write there too.
                Err(_) => !line.text.starts_with('{'),
            },
            Stream::Stderr => {
                let text = line.text.trim_start();
                self.has_compiled |= text.starts_with("Compiling ");
                if self.is_patch_notice(&line.text) {
                    return false;
                }
                self.complaint.take(&line.text);
                true
            }
        }
    }

    /// The errors, or the last lines if there are none; at most 64 KiB.
    pub(crate) fn complaint(self) -> String {
        self.complaint.text()
    }

    fn take_message(&mut self, message: Message, work: &Path, manifest: &Path) {
        if message.reason != "compiler-artifact" {
            return;
        }
        self.has_compiled = true;
        let Some(target) = message.target else { return };
        if !message.manifest_path.starts_with(work) {
            return;
        }
        self.own.insert((package_name(&message.package_id).to_owned(), target.name.replace('-', "_")));
        if message.manifest_path == manifest && target.kind.iter().any(|kind| kind == "cdylib") {
            let is_library = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "so");
            self.library = message.filenames.into_iter().find(is_library).or(self.library.take());
        }
    }

    /// cargo warns about SDK crates offered by the host that this plugin does not use, which is normal.
    fn is_patch_notice(&mut self, text: &str) -> bool {
        const REST: [&str; 4] = [
            "Check that the patched package version and available features",
            "with the dependency requirements. If the patch has a different version",
            "what is locked in the Cargo.lock file, run `cargo update`",
            "version. This may also occur with an optional dependency",
        ];
        let is_first = text.contains("atch `plugin-sdk") && text.contains("was not used in the crate graph");
        self.is_in_patch_notice = is_first || (self.is_in_patch_notice && REST.iter().any(|rest| text.contains(rest)));
        self.is_in_patch_notice
    }
}

/// The name in `path+file:///srv/hello#0.1.0` or `path+file:///srv/x#hello@0.1.0`.
fn package_name(id: &str) -> &str {
    let Some((url, end)) = id.rsplit_once('#') else { return id };
    match end.rsplit_once('@') {
        Some((name, _)) => name,
        None => url.rsplit('/').next().unwrap_or(url),
    }
}

/// The first error whole, and as much of the end as there is room for.
#[derive(Default)]
struct Complaint {
    first: String,
    state: Seen,
    tail: VecDeque<String>,
    tail_bytes: usize,
    is_cut: bool,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Seen {
    #[default]
    Nothing,
    PartOfFirst,
    First,
}

impl Complaint {
    fn take(&mut self, line: &str) {
        if self.state == Seen::Nothing && line.starts_with("error") {
            self.state = Seen::PartOfFirst;
            (self.tail, self.tail_bytes, self.is_cut) = Default::default();
        }
        if self.state == Seen::PartOfFirst && self.first.len() + line.len() < MAX_FIRST_BYTES {
            self.first.push_str(line);
            self.first.push('\n');
            if line.is_empty() {
                self.state = Seen::First;
            }
            return;
        }
        if self.state == Seen::PartOfFirst {
            self.state = Seen::First;
            self.is_cut = true;
        }
        self.tail_bytes += line.len() + 1;
        self.tail.push_back(line.to_owned());
        while self.tail_bytes > MAX_TAIL_BYTES {
            let Some(oldest) = self.tail.pop_front() else { break };
            self.tail_bytes -= oldest.len() + 1;
            self.is_cut = true;
        }
    }

    fn text(self) -> String {
        let mut text = self.first;
        if self.is_cut {
            text.push_str("[cut]\n");
        }
        for line in self.tail {
            text.push_str(&line);
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(report: &mut Report, stream: Stream, text: &str) -> bool {
        report.take(&Line { stream, text: text.to_owned() }, Path::new("/w"), Path::new("/w/Cargo.toml"))
    }

    #[test]
    fn the_library_is_that_of_the_package_at_the_root() {
        let mut report = Report::default();
        for (manifest, kind, file) in [
            ("/registry/dep/Cargo.toml", "cdylib", "/t/libdep.so"),
            ("/w/Cargo.toml", "cdylib", "/t/libplug_in.so"),
            ("/w/Cargo.toml", "custom-build", "/t/build-script"),
            ("/w/inner/Cargo.toml", "cdylib", "/t/libinner.so"),
        ] {
            let text = format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file://{}#plug-in@0.1.0","manifest_path":"{manifest}",
                "target":{{"kind":["{kind}"],"name":"plug-in"}},"filenames":["{file}"]}}"#,
                manifest.trim_end_matches("/Cargo.toml")
            );
            assert!(!shown(&mut report, Stream::Stdout, &text.replace('\n', "")));
        }
        assert_eq!(report.library.as_deref(), Some(Path::new("/t/libplug_in.so")));
        assert_eq!(report.own, BTreeSet::from([("plug-in".to_owned(), "plug_in".to_owned())]));
        assert!(report.has_compiled);
    }

    #[test]
    fn a_package_id_holds_the_name_in_two_ways() {
        assert_eq!(package_name("path+file:///srv/hello#0.1.0"), "hello");
        assert_eq!(package_name("path+file:///srv/abc#hello@0.1.0"), "hello");
        assert_eq!(package_name("odd"), "odd");
    }

    #[test]
    fn the_notice_about_unused_crates_of_the_sdk_is_not_shown() {
        let mut report = Report::default();
        let text = "warning: patch `plugin-sdk-macros v0.1.0 (/x)` was not used in the crate graph
help: Check that the patched package version and available features are compatible
      with the dependency requirements. If the patch has a different version from
      what is locked in the Cargo.lock file, run `cargo update` to use the new
      version. This may also occur with an optional dependency that is not enabled.
   Compiling a v0.1.0
warning: patch `serde v1.0.0 (/x)` was not used in the crate graph
help: Check that the patched package version and available features are compatible";
        let kept: Vec<&str> = text.lines().filter(|line| shown(&mut report, Stream::Stderr, line)).collect();
        assert_eq!(kept.len(), 3, "{kept:?}");
        assert!(kept[0].contains("Compiling") && kept[1].contains("serde"));
    }

    #[test]
    fn a_complaint_keeps_the_first_error_and_the_end() {
        let mut complaint = Complaint::default();
        for line in ["   Compiling x", "warning: w", "", "error[E1]: first", " --> a.rs", ""] {
            complaint.take(line);
        }
        for n in 0..10_000 {
            complaint.take(&format!("error: number {n}"));
        }
        let text = complaint.text();
        assert!(text.starts_with("error[E1]: first\n --> a.rs\n\n[cut]\nerror: number "), "{}", &text[..80]);
        assert!(text.ends_with("number 9999") && text.len() < 64 * 1024);

        let mut complaint = Complaint::default();
        complaint.take("no error at all");
        assert_eq!(complaint.text(), "no error at all");
    }
}
