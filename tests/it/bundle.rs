//! A bundle takes the plugins of one host to another, with the sources that only the first one has.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::host::TestHost;
use crate::plugins::{any_turn_to_build, built, copy};
use crate::uploads::{install, upload, zipped};
use crate::zip_builder::archive;

/// Runs a command of a host; returns what it writes to standard output and standard error.
async fn command(host: &TestHost, words: &[&str], code: i32) -> (String, String) {
    let output: Output = host.command(words).await;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{words:?}\n{stdout}\n{stderr}");
    (stdout, stderr)
}

/// A host with an uploaded plugin, and a plugin in a folder of a folder.
async fn first_host() -> TestHost {
    let host = TestHost::start().await;
    let uploaded = upload(&host, &zipped("hello", "")).await.expect(200).json();
    install(&host, uploaded["upload_id"].as_str().unwrap()).await.expect(200);
    let many = host.sources().join("many");
    copy(built("counter").await.parent().unwrap(), &many.join("plugins/counter"));
    std::fs::write(many.join("notes.txt"), "x").unwrap();
    let load = json!({ "source": many, "path": "plugins/counter", "start": true });
    host.post_json("/api/plugins/load", &load).await.expect(200);
    host.request("POST", "/api/plugins/hello/config").json(&json!({ "greeting": "Moin" })).send().await;
    host
}

#[tokio::test]
async fn a_bundle_installs_uploaded_and_local_plugins_on_another_host() {
    let first = first_host().await;
    let second = TestHost::start().await;

    // The plain file names the plugins that another host cannot fetch, and the remedy.
    let (plain, _) = command(&first, &["export"], 0).await;
    assert!(plain.contains("# another host cannot fetch the sources of `counter`, `hello`"), "{plain}");
    assert!(plain.contains("`plugin-host export --bundle FILE.zip`"), "{plain}");
    std::fs::write(second.sources().join("plain.yaml"), &plain).unwrap();
    let (_, stderr) = command(&second, &["plan", "-f", "plain.yaml"], 1).await;
    assert!(stderr.contains("there is no upload `upload_"), "{stderr}");

    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("site.zip");
    let bundle = bundle.to_str().unwrap();
    // A link is not replaced by the bundle.
    std::os::unix::fs::symlink("/dev/null", bundle).unwrap();
    let (_, stderr) = command(&first, &["export", "--bundle", bundle], 2).await;
    assert!(stderr.contains("is not a regular file"), "{stderr}");
    std::fs::remove_file(bundle).unwrap();
    let (_, stderr) = command(&first, &["export", "--bundle", "/nonexistent/site.zip"], 1).await;
    assert!(stderr.contains("`/nonexistent/site.zip`\n  No such file or directory"), "{stderr}");
    let (_, stderr) = command(&first, &["export", "--bundle", bundle], 0).await;
    assert!(stderr.contains("2 plugins, 2 of them with their source"), "{stderr}");
    drop(first);
    let link = folder.path().join("link.zip");
    std::os::unix::fs::symlink(bundle, &link).unwrap();

    let _turn = any_turn_to_build().await;
    let (plan, _) = command(&second, &["plan", "-f", bundle, "--exit-code"], 10).await;
    assert!(plan.contains("+ hello: install 1.0.0 from upload:upload_"), "{plan}");
    command(&second, &["apply", "-f", link.to_str().unwrap(), "--yes"], 0).await;
    second.call("hello/hello").await.expect(200);
    let source = second.plugin("counter").await["source"].as_str().unwrap().to_owned();
    assert!(source.starts_with("upload:") && source.ends_with("#path=plugins/counter"), "{source}");
    // A new upload of the same files is not a change.
    let (stdout, stderr) = command(&second, &["plan", "-f", bundle, "--exit-code"], 0).await;
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", "no changes\n"));
    // Unpacked by any tool, it is a plugins.yaml with folders.
    let unpacked = second.sources().join("unpacked");
    let unzip = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let python = std::process::Command::new("python3").args(["-c", unzip, bundle]).arg(&unpacked).status().unwrap();
    assert!(python.success());
    let file = std::fs::read_to_string(unpacked.join("plugins.yaml")).unwrap();
    assert!(file.contains("source: \"./sources/hello\"") && !file.contains("artifact:"), "{file}");
    let (plan, _) = command(&second, &["plan", "-f", "unpacked/plugins.yaml"], 0).await;
    assert!(plan.contains("unpacked/sources/hello"), "{plan}");
    // The second host can pass everything on.
    let (_, stderr) = command(&second, &["export", "--bundle", bundle], 0).await;
    assert!(stderr.contains("2 of them with their source"), "{stderr}");
}

#[tokio::test]
async fn a_malformed_bundle_is_refused_and_uploads_no_file_of_this_machine() {
    let host = TestHost::start().await;
    let elsewhere = host.sources().join("secret.zip");
    std::fs::write(&elsewhere, zipped("hello", "")).unwrap();
    let file = |source: &str| format!("version: 1\nplugins:\n  - source: {source}\n");
    let absolute = file(elsewhere.to_str().unwrap());
    let name = "bundle.zip";
    let unused =
        "`bundle.zip` has files that belong to no plugin of its plugins.yaml and are ignored: `notes.txt`, `sources/b`";
    let files = [("plugins.yaml", &b"version: 1\nplugins: []\n"[..]), ("notes.txt", b""), ("sources/b/x", b"")];
    std::fs::write(host.sources().join(name), archive(&files)).unwrap();
    let (_, stderr) = command(&host, &["plan", "-f", name], 0).await;
    assert!(stderr.contains(&format!("warning: {unused}")), "{stderr}");
    std::fs::write(host.sources().join(name), archive(&[])).unwrap();
    let (_, stderr) = command(&host, &["plan", "-f", name], 2).await;
    assert!(stderr.contains("`bundle.zip` is an archive without `plugins.yaml`"), "{stderr}");
    // An archive after other bytes, as in a program that unpacks itself, and a file that holds nothing.
    let valid = archive(&[("plugins.yaml", &b"version: 1\nplugins: []\n"[..])]);
    for content in [[b"#!/bin/sh\n", &valid[..]].concat(), [&valid[..], b"after"].concat(), vec![]] {
        std::fs::write(host.sources().join(name), content).unwrap();
        let (_, stderr) = command(&host, &["plan", "-f", name], 1).await;
        assert!(stderr.starts_with("error: failed to read the bundle `bundle.zip`"), "{stderr}");
        assert!(stderr.contains("fix: write the bundle again with `plugin-host export --bundle FILE`"), "{stderr}");
    }
    std::fs::write(host.sources().join("empty.yaml"), "").unwrap();
    let (_, stderr) = command(&host, &["plan", "-f", "empty.yaml"], 2).await;
    assert!(stderr.contains("empty.yaml: is empty") && stderr.contains("fix: correct the listed lines"), "{stderr}");
    for (path, text, evidence) in [
        ("notes.txt", "x".to_owned(), "is an archive without `plugins.yaml`, so it is not a bundle"),
        ("plugins.yaml", "version: 2".to_owned(), "is invalid"),
        ("plugins.yaml", absolute, "which is not in the bundle"),
        ("plugins.yaml", file("../../secret.zip"), "which is not in the bundle"),
        ("plugins.yaml", file("sources/a.zip"), "names the source `sources/a.zip`"),
    ] {
        std::fs::write(host.sources().join(name), archive(&[(path, text.as_bytes())])).unwrap();
        let (_, stderr) = command(&host, &["apply", "-f", name, "-y"], 2).await;
        assert!(stderr.contains(evidence), "{stderr}");
    }
    std::fs::write(host.sources().join(name), b"PK\x03\x04 and no more").unwrap();
    let (_, stderr) = command(&host, &["plan", "-f", name], 1).await;
    assert!(stderr.starts_with("error: failed to read the bundle `bundle.zip`"), "{stderr}");
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
    let uploads = std::fs::read_dir(Path::new(&host.plugin_dir()).join("uploads"));
    assert_eq!(uploads.map_or(0, Iterator::count), 0);
}

#[tokio::test]
async fn the_source_of_a_plugin_needs_an_operator_and_a_plugin() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let source = host.get("/api/plugins/hello/source").await.expect(200);
    assert_eq!(source.header("content-type"), Some("application/zip"));
    let again = upload(&host, &source.body).await.expect(200).json();
    assert!(again["upload_id"].is_string(), "{again}");
    host.anonymous().get("/api/plugins/hello/source").await.expect(401);
    assert_eq!(host.get("/api/plugins/nothing/source").await.expect(404).code(), "run_unknown_plugin");
}
