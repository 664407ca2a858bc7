//! The commands for plugin authors: effects, output and exit codes.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::client::Client;
use crate::host::{PATIENCE, TestHost, endpoint, program};
use crate::plugins::{any_turn_to_build, build_cache, built, copy, source};

/// The program as an author runs it in `folder`.
pub(crate) fn author(folder: &Path) -> Command {
    let mut command = program();
    command.current_dir(folder).env("PLUGIN_CACHE_DIR", build_cache());
    command.env("XDG_DATA_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("data"));
    command
}

pub(crate) async fn run(folder: &Path, words: &[&str]) -> Output {
    let mut command = author(folder);
    command.args(words);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Exit code, stdout and stderr.
fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
pub(crate) fn ends(output: &Output, code: i32) -> (String, String) {
    let (found, stdout, stderr) = parts(output);
    assert_eq!(found, code, "{stdout}\n{stderr}");
    (stdout, stderr)
}

/// A running `dev` and its output.
struct Dev {
    child: Child,
    stdout: mpsc::UnboundedReceiver<String>,
    stderr: mpsc::UnboundedReceiver<String>,
    said: Vec<String>,
    client: Client,
}

impl Dev {
    async fn start(folder: &Path, words: &[&str]) -> Dev {
        let mut command = author(folder);
        command.arg("dev").args(words).args(["--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        let client = Client { address: ([127, 0, 0, 1], 0).into(), token: None };
        let mut dev = Dev { child, stdout, stderr, said: vec![], client };
        let line = dev.line("listening on http://").await;
        dev.client.address = line.rsplit('/').next().unwrap().parse().unwrap();
        dev
    }

    /// Waits for a line of stdout with this prefix.
    async fn line(&mut self, start: &str) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.stdout.recv()).await.ok().flatten();
            let line = line.unwrap_or_else(|| panic!("it never said `{start}`:\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Waits for a line of stderr that contains `text`.
    async fn note(&mut self, text: &str) -> String {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.stderr.recv()).await.ok().flatten();
            let line = line.unwrap_or_else(|| panic!("it never noted `{text}`:\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    async fn hello(&self) -> String {
        self.client.get(&endpoint("my-plugin/hello/Zoe")).await.expect(200).json()["message"].to_string()
    }

    /// Ends the command as ctrl-c does.
    async fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.note("SIGINT: stopping").await;
        // Both pipes end with the process.
        while tokio::time::timeout(PATIENCE, self.stdout.recv()).await.unwrap().is_some() {}
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.said.join("\n"));
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // A failed test leaves no program behind. Killing an ended program has no effect.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(pipe: impl Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// Creates a plugin in its own folder.
pub(crate) async fn new_plugin() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    ends(&run(folder.path(), &["new", "my-plugin"]).await, 0);
    let place = folder.path().join("my-plugin");
    (folder, place)
}

/// Changes a file as an editor does: writes a new file and renames it.
fn change(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    let beside = path.with_extension("new");
    std::fs::write(&beside, text.replace(from, to)).unwrap();
    std::fs::rename(beside, path).unwrap();
}

#[tokio::test]
async fn dev_reloads_on_every_save_and_keeps_the_running_version_when_a_build_fails() {
    let (folder, place) = new_plugin().await;
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"greeting":"Moin"}"#).unwrap();
    let mut dev = Dev::start(folder.path(), &["my-plugin", "--configuration", "config.json"]).await;
    let serving = dev.line("serving: ").await;
    assert!(serving.starts_with("serving: my-plugin 0.1.0, generation 1 in "), "{serving}");
    let curl = dev.line("  curl http://").await;
    assert!(curl.ends_with("/api/plugin-endpoints/my-plugin/hello/name"), "{curl}");
    let curl = dev.line("  curl -X POST").await;
    assert!(curl.contains("-H 'content-type: application/json' -d '{\"greeting\":\"greeting\"}'"), "{curl}");
    dev.line("watching my-plugin").await;
    assert_eq!(dev.note("greeting with").await, "info  generation 1: greeting with `Moin`");
    assert_eq!(dev.hello().await, "\"Moin, Zoe!\"");

    let code = place.join("src/lib.rs");
    change(&code, "{greeting}, {name}!", "{greeting} {name}.");
    assert!(dev.line("reloaded: ").await.starts_with("reloaded: generation 2 in "));
    assert_eq!(dev.hello().await, "\"Moin Zoe.\"");

    change(&code, "format!(\"{greeting} {name}.\")", "5");
    let refused = dev.line("not reloaded: ").await;
    assert!(refused.starts_with("not reloaded: build_failed in "), "{refused}");
    assert!(refused.ends_with("; generation 2 keeps running"), "{refused}");
    dev.note("the plugin does not compile").await;
    dev.note("error[E0308]").await;
    assert!(dev.note("--> ").await.contains("src/lib.rs:"));
    assert_eq!(dev.hello().await, "\"Moin Zoe.\"");

    // A new module in a new folder, and the corrected line.
    std::fs::create_dir(place.join("src/words")).unwrap();
    std::fs::write(place.join("src/words/end.rs"), "pub const END: &str = \"?\";\n").unwrap();
    change(&code, "message: 5", "message: format!(\"{greeting} {name}{}\", words::end::END)");
    change(&code, "use serde::", "mod words {\n    pub mod end;\n}\n\nuse serde::");
    dev.line("reloaded: ").await;
    while dev.hello().await != "\"Moin Zoe?\"" {
        dev.line("reloaded: ").await;
    }
    change(&place.join("src/words/end.rs"), "?", "!?");
    dev.line("reloaded: ").await;
    assert_eq!(dev.hello().await, "\"Moin Zoe!?\"");

    std::fs::write(&config, r#"{"greeting":"Ahoy"}"#).unwrap();
    dev.note("greeting with `Ahoy`").await;
    std::fs::write(&config, "[]").unwrap();
    assert!(dev.line("not reloaded: ").await.starts_with("not reloaded: dev_configuration"));
    assert_eq!(dev.hello().await, "\"Ahoy Zoe!?\"");
    dev.end().await;
}

#[tokio::test]
async fn new_dev_check_and_pack_follow_each_other_without_a_warning() {
    let (folder, place) = new_plugin().await;
    let mut dev = Dev::start(folder.path(), &["my-plugin"]).await;
    dev.note("note: wrote Cargo.lock").await;
    dev.line("serving: ").await;
    dev.end().await;
    let lock = std::fs::read(place.join("Cargo.lock")).unwrap();
    let turn = any_turn_to_build().await;
    let (stdout, stderr) = ends(&run(folder.path(), &["check", "my-plugin"]).await, 0);
    drop(turn);
    assert!(stdout.ends_with("all checks passed\n\nnext:\n  plugin-host load my-plugin\n"), "{stdout}");
    assert!(!stderr.contains("warning"), "{stderr}");
    let (stdout, stderr) = ends(&run(folder.path(), &["pack", "my-plugin"]).await, 0);
    assert!(stdout.ends_with("next:\n  plugin-host load my-plugin-0.1.0.zip\n"), "{stdout}");
    assert_eq!((stderr, std::fs::read(place.join("Cargo.lock")).unwrap()), (String::new(), lock));
}

#[tokio::test]
async fn dev_waits_for_changes_when_the_first_load_fails() {
    let (folder, place) = new_plugin().await;
    let (good, bad) = (
        "Ok(Greeter {",
        "if true {\n            Err(std::io::Error::other(\"no greeting\"))?;\n        }\n        Ok(Greeter {",
    );
    change(&place.join("src/lib.rs"), good, bad);
    let mut dev = Dev::start(folder.path(), &["my-plugin"]).await;
    let refused = dev.line("not serving: ").await;
    assert!(refused.starts_with("not serving: load_start_failed in "), "{refused}");
    assert!(refused.ends_with("; waiting for changes"), "{refused}");
    dev.note("greeting with `Hello`").await;
    dev.client.get(&endpoint("my-plugin/hello/Zoe")).await.expect(404);
    change(&place.join("src/lib.rs"), bad, good);
    assert!(dev.line("serving: ").await.starts_with("serving: my-plugin 0.1.0, generation "));
    assert_eq!(dev.hello().await, "\"Hello, Zoe!\"");

    // The lock of an editor leads to no file. It obstructs no load, and does not cause one.
    let lock = place.join(".#plugin.yaml");
    std::os::unix::fs::symlink("zoe@laptop.4711:1764000000", &lock).unwrap();
    change(&place.join("src/lib.rs"), "{greeting}, {name}!", "{greeting} {name}.");
    dev.line("reloaded: ").await;
    assert_eq!(dev.hello().await, "\"Hello Zoe.\"");
    std::fs::remove_file(&lock).unwrap();

    // A temporary file that cannot be fetched: the save takes effect when it is gone.
    let (read, write) = (rustix::fs::Mode::RUSR, rustix::fs::Mode::WUSR);
    rustix::fs::mkfifoat(rustix::fs::CWD, &lock, read | write).unwrap();
    change(&place.join("src/lib.rs"), "{greeting} {name}.", "{greeting} {name}?");
    let refused = dev.line("not reloaded: ").await;
    assert!(refused.starts_with("not reloaded: fetch_special_file in "), "{refused}");
    std::fs::remove_file(&lock).unwrap();
    dev.line("reloaded: ").await;
    assert_eq!(dev.hello().await, "\"Hello Zoe?\"");

    // Another id is another plugin: the first one is unloaded.
    change(&place.join("plugin.yaml"), "id: \"my-plugin\"", "id: \"renamed\"");
    dev.line("reloaded: ").await;
    dev.client.get(&endpoint("renamed/hello/Zoe")).await.expect(200);
    dev.client.get(&endpoint("my-plugin/hello/Zoe")).await.expect(404);
    dev.end().await;
}

#[tokio::test]
async fn check_reports_every_step_and_stops_at_the_first_failure() {
    let folder = tempfile::tempdir().unwrap();
    for (name, code, steps) in [
        ("hello", None, "source manifest needs code build file open layout routes"),
        ("bad-manifest", Some("manifest_refused"), "source manifest"),
        ("no-manifest", Some("store_no_manifest"), "source manifest"),
        ("checksum-mismatch", Some("build_tree_checksum"), "source manifest needs code"),
        ("bad-schema", Some("build_schema_refused"), "source manifest needs code"),
        ("not-a-cdylib", Some("build_not_cdylib"), "source manifest needs code"),
        ("does-not-compile", Some("build_failed"), "source manifest needs code build"),
        ("no-entry-symbol", Some("load_not_a_plugin"), "source manifest needs code build file"),
        ("crashes-on-open", Some("load_trial_crashed"), "source manifest needs code build file open"),
        ("layout-differs", Some("load_layout_differs"), "source manifest needs code build file open layout"),
        ("code-differs", Some("load_code_differs"), "source manifest needs code build file open layout routes"),
    ] {
        let source = source(name);
        let _turn = any_turn_to_build().await;
        let output = run(folder.path(), &["check", "--json", source.to_str().unwrap()]).await;
        let (stdout, stderr) = ends(&output, i32::from(code.is_some()));
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        let all = answer["steps"].as_array().unwrap();
        let found: Vec<_> = all.iter().map(|step| step["step"].as_str().unwrap()).collect();
        assert_eq!(found.join(" "), steps, "{name}: {stderr}");
        assert_eq!((&answer["ok"], all.last().unwrap()["code"].as_str()), (&json!(code.is_none()), code), "{name}");
        assert_eq!(
            stderr.starts_with("error: the plugin would be refused at step "),
            code.is_some(),
            "{name}: {stderr}"
        );
    }
    let _turn = any_turn_to_build().await;
    let (stdout, stderr) = ends(&run(&source("code-differs"), &["check"]).await, 1);
    assert!(
        stdout.starts_with("ok       source ") && stdout.contains("refused  routes    load_code_differs"),
        "{stdout}"
    );
    assert!(stderr.contains("plugin.yaml and the code disagree") && stderr.contains("\nfix: "), "{stderr}");
    let (_, stderr) = ends(&run(folder.path(), &["check", "nothing"]).await, 2);
    assert!(stderr.contains("folder `nothing` does not exist"), "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing");
}

#[tokio::test]
async fn equal_files_pack_into_equal_bytes_that_a_host_accepts() {
    let (folder, place) = new_plugin().await;
    let first = run(folder.path(), &["pack", "my-plugin", "--output", "first.zip"]).await;
    let (stdout, stderr) = ends(&first, 0);
    assert!(stdout.starts_with("file    first.zip\nsize    ") && stdout.contains("\nfiles   5\n"), "{stdout}");
    assert!(stderr.contains("Cargo.lock is missing"), "{stderr}");
    // Another folder, other times and modes, another order of writing, and files that are not packed.
    let other = folder.path().join("elsewhere/other");
    copy(&place, &other);
    std::fs::create_dir_all(other.join("target/debug")).unwrap();
    std::fs::write(other.join("target/debug/x"), "x").unwrap();
    ends(&run(&other, &["pack"]).await, 0);
    ends(&run(&other, &["pack"]).await, 0);
    let bytes = std::fs::read(folder.path().join("first.zip")).unwrap();
    assert_eq!(bytes, std::fs::read(other.join("my-plugin-0.1.0.zip")).unwrap());
    let (stdout, _) = ends(&run(&other, &["pack", "--json"]).await, 0);
    assert!(stdout.contains(&host_core::Digest::compute(&bytes).to_string()), "{stdout}");

    let host = TestHost::start().await;
    let zip = folder.path().join("first.zip");
    let turn = any_turn_to_build().await;
    let loaded = host.command(&["load", zip.to_str().unwrap()]).await;
    drop(turn);
    ends(&loaded, 0);
    let answer = host.call("my-plugin/hello/Zoe").await.expect(200).json();
    assert_eq!(answer, json!({ "message": "Hello, Zoe!" }));

    // The list is checked: a single changed byte is refused.
    let changed = folder.path().join("changed");
    unpack(&zip, &changed);
    let yaml = std::fs::read_to_string(changed.join("plugin.yaml")).unwrap();
    assert!(yaml.contains("checksums:\n  complete: true\n  \".gitignore\": \"sha256:"), "{yaml}");
    std::fs::write(changed.join("src/lib.rs"), "// other").unwrap();
    let (stdout, _) = ends(&run(folder.path(), &["check", "changed"]).await, 1);
    assert!(stdout.contains("build_tree_checksum"), "{stdout}");
    // Packing again updates the list.
    ends(&run(folder.path(), &["pack", "changed"]).await, 0);
}

fn unpack(zip: &Path, to: &Path) {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
    archive.extract(to).unwrap();
}

#[tokio::test]
async fn an_invalid_plugin_is_not_packed() {
    let (folder, place) = new_plugin().await;
    std::fs::write(place.join("zeros.bin"), vec![0; 3 << 20]).unwrap();
    ends(&run(folder.path(), &["pack", "my-plugin"]).await, 0);
    std::fs::write(place.join("complete"), "x").unwrap();
    assert!(ends(&run(folder.path(), &["pack", "my-plugin"]).await, 1).1.contains("is named `complete`"));
    std::fs::remove_file(place.join("complete")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(place.join("socket")).unwrap();
    assert!(ends(&run(folder.path(), &["pack", "my-plugin"]).await, 1).1.contains("`socket` is a socket"));
    drop(socket);
    std::fs::remove_file(place.join("socket")).unwrap();
    change(&place.join("plugin.yaml"), "version: 0.1.0", "version: one");
    assert!(ends(&run(folder.path(), &["pack", "my-plugin"]).await, 1).1.contains("`version`"));
    change(&place.join("plugin.yaml"), "version: one", "version: 0.1.0");
    change(&place.join("plugin.yaml"), "version: 0.1.0", "version: 0.1.0\nconfiguration_schema: schema.json");
    assert!(ends(&run(folder.path(), &["pack", "my-plugin"]).await, 1).1.contains("`schema.json`, which is not in"));
    std::fs::write(place.join("schema.json"), "[]").unwrap();
    assert!(ends(&run(folder.path(), &["pack", "my-plugin"]).await, 1).1.contains("is not a JSON object"));
    std::fs::write(place.join("schema.json"), "{}").unwrap();
    let output = run(folder.path(), &["pack", "my-plugin", "--output", "no/such/folder/x.zip"]).await;
    for taken in ["my-plugin", "my-plugin/src/lib.rs", "my-plugin/plugin.yaml"] {
        let taken = ends(&run(folder.path(), &["pack", "my-plugin", "--output", taken]).await, 2).1;
        assert!(taken.contains("is not a regular file") || taken.contains("does not end in `.zip`"), "{taken}");
    }
    assert!(ends(&output, 1).1.contains("failed to write `no/such/folder/x.zip`"));
}

#[tokio::test]
async fn a_library_is_explained_gate_by_gate() {
    let folder = tempfile::tempdir().unwrap();
    let library = built("hello").await;
    let (stdout, _) = ends(&run(folder.path(), &["explain", library.to_str().unwrap()]).await, 0);
    for line in [
        "a 64-bit ELF shared library for x86_64",
        "package hello, panic unwind",
        "rustc version",
        "libc.so.6",
        "; glibc 2.",
        "root symbol  exported",
    ] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    assert!(stdout.contains("routes  ok      code and plugin.yaml name the same 3 routes"), "{stdout}");

    std::os::unix::fs::symlink(&library, folder.path().join("link.so")).unwrap();
    ends(&run(folder.path(), &["explain", "link.so"]).await, 0);

    let good = std::fs::read(&library).unwrap();
    let patched = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let file = folder.path().join("library.so");
    for (bytes, kind, code) in [
        (Vec::new(), "an empty file", "load_not_a_library"),
        (b"#!/bin/sh\n".to_vec(), "a script", "load_not_a_library"),
        (b"PK\x03\x04".to_vec(), "a ZIP archive", "load_not_a_library"),
        (vec![0xfe; 5000], "a file of an unknown kind", "load_not_a_library"),
        (good[..40].to_vec(), "a 64-bit ELF shared library for x86_64", "load_not_a_library"),
        (good[..good.len() / 2].to_vec(), "a 64-bit ELF shared library for x86_64", "load_not_a_library"),
        (patched(&|bytes| bytes[4] = 1), "a 32-bit ELF shared library for x86_64", "load_not_a_library"),
        (patched(&|bytes| bytes[18] = 183), "a 64-bit ELF shared library for aarch64", "load_other_machine"),
        (patched(&|bytes| bytes[16] = 2), "a 64-bit ELF program for x86_64", "load_not_a_library"),
        (std::fs::read("/bin/sh").unwrap(), "a 64-bit ELF shared library for x86_64", "load_not_a_plugin"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let (stdout, stderr) = ends(&run(folder.path(), &["explain", "library.so", "--json"]).await, 1);
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((&answer["kind"], &answer["gates"][0]["code"]), (&json!(kind), &json!(code)), "{stderr}");
        assert_eq!(answer["gates"].as_array().unwrap().len(), 1, "nothing of it may run");
        assert!(
            stderr.contains("`library.so` is not compatible with this host") && stderr.contains("\nfix: "),
            "{stderr}"
        );
    }
    // A sparse file larger than any library; its content is not read.
    std::fs::File::create(&file).unwrap().set_len(20 << 30).unwrap();
    let (_, stderr) = ends(&run(folder.path(), &["explain", "library.so"]).await, 1);
    assert!(stderr.contains("it has 20.0 GiB; it must be a regular file of at most 512 MiB"), "{stderr}");
    for no_file in [".", "missing.so", "/dev/zero"] {
        ends(&run(folder.path(), &["explain", no_file]).await, 1);
    }
    let (_, stderr) = ends(&run(folder.path(), &["explain", "fetch_http"]).await, 1);
    assert!(stderr.contains("docs/errors.md and `/docs/errors` of a host explain error codes"), "{stderr}");
}

#[tokio::test]
async fn explain_warns_about_symbols_that_prevent_unloading() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("x.c");
    let unique =
        r#"__asm__(".globl only\n.type only, @gnu_unique_object\n.data\nonly: .long 1\n.size only, 4\n.text");"#;
    std::fs::write(&code, unique).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-Wl,-z,nodelete", "-o", "x.so", "x.c"]).current_dir(folder.path());
    assert!(cc.status().unwrap().success());
    let (stdout, _) = ends(&run(folder.path(), &["explain", "x.so"]).await, 1);
    assert!(stdout.contains("warning      it is marked DF_1_NODELETE"), "{stdout}");
    assert!(stdout.contains("warning      it has 1 GNU_UNIQUE symbols (`only`)"), "{stdout}");
}

#[tokio::test]
async fn sdk_writes_the_cargo_configuration_but_never_overwrites_the_authors_file() {
    let (folder, place) = new_plugin().await;
    let config = place.join(".cargo/config.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    let sdk = written.lines().find_map(|line| line.strip_prefix("plugin-sdk = { path = \"")?.strip_suffix("\" }"));
    assert!(Path::new(sdk.unwrap()).join("src/lib.rs").is_file(), "{written}");

    std::fs::remove_file(&config).unwrap();
    ends(&run(&place, &["sdk"]).await, 0);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), written);
    std::fs::write(&config, "[net]\noffline = true\n").unwrap();
    let (_, stderr) = ends(&run(folder.path(), &["sdk", "my-plugin"]).await, 1);
    assert!(stderr.contains("\nfix: add this line below [patch.crates-io]: plugin-sdk = { path = "), "{stderr}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "[net]\noffline = true\n");
    std::fs::write(&config, written.replace("plugin-sdk =", "plugin-sdk-abi =")).unwrap();
    ends(&run(&place, &["sdk"]).await, 0);
    ends(&run(folder.path(), &["sdk"]).await, 2);
}
