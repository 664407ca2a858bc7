//! Uploads of ZIP archives: upload, check, installation.

use serde_json::json;

use crate::client::Answer;
use crate::host::{TestHost, eventually};
use crate::plugins::{any_turn_to_build, files, source};
use crate::zip_builder::{Archive, Entry, archive};

pub(crate) fn zipped(name: &str, below: &str) -> Vec<u8> {
    let files = files(&source(name));
    let named: Vec<_> = files.iter().map(|(path, bytes)| (format!("{below}{path}"), bytes)).collect();
    archive(&named.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

pub(crate) async fn upload(host: &TestHost, archive: &[u8]) -> Answer {
    upload_as(host, "plugin", "plugin.zip", archive).await
}

async fn upload_as(host: &TestHost, field: &str, file: &str, archive: &[u8]) -> Answer {
    upload_in(host, None, field, file, archive).await
}

/// Uploads an archive whose plugin is in a folder.
async fn upload_in(host: &TestHost, folder: Option<&str>, field: &str, file: &str, archive: &[u8]) -> Answer {
    let path =
        folder.map(|folder| format!("--frontier\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n{folder}\r\n"));
    let mut body = path.unwrap_or_default();
    body += &format!(
        "--frontier\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{file}\"\r\n\
         Content-Type: application/zip\r\n\r\n"
    );
    let mut body = body.into_bytes();
    body.extend(archive);
    body.extend(b"\r\n--frontier--\r\n");
    let request = host.request("POST", "/api/plugins/upload");
    request.header("content-type", "multipart/form-data; boundary=frontier").body(&body).send().await
}

pub(crate) async fn install(host: &TestHost, upload: &str) -> Answer {
    let _turn = any_turn_to_build().await;
    host.post(&format!("/api/plugins/install/{upload}")).await
}

#[tokio::test]
async fn an_archive_is_uploaded_checked_and_installed() {
    let host = TestHost::start().await;
    // With the files at its root, and below a single folder, as in archives of GitHub.
    for (below, field, generation) in [("", "plugin", 1), ("hello-main/", "file", 2)] {
        let answer = upload_as(&host, field, "Hello.ZIP", &zipped("hello", below)).await.expect(200).json();
        assert_eq!(answer["validation"], json!({ "valid": true, "errors": [], "problems": [], "warnings": [] }));
        assert_eq!(answer["metadata"]["id"], "hello");
        let id = answer["upload_id"].as_str().unwrap();
        assert!(id.starts_with("upload_") && id.len() > 30, "{id}");

        let installed = install(&host, id).await.expect(200).json();
        assert_eq!((&installed["id"], &installed["generation"]), (&json!("hello"), &json!(generation)));
        host.call("hello/hello").await.expect(200);
    }
    let reloaded = host.post("/api/plugins/hello/reload").await.expect(200).json();
    assert_eq!(reloaded["generation"], 3);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn code_that_reads_its_folder_at_run_time_is_named_by_the_upload_and_the_installation() {
    let host = TestHost::start().await;
    let mut files = files(&source("hello"));
    files.push(("src/unused.rs".to_owned(), b"fn f() { env!(\"CARGO_MANIFEST_DIR\"); }".to_vec()));
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let answer = upload(&host, &archive(&files)).await.expect(200).json();
    let installed = install(&host, answer["upload_id"].as_str().unwrap()).await.expect(200).json();
    for warnings in [&answer["validation"]["warnings"], &installed["warnings"]] {
        let warning = warnings[0].as_str().unwrap_or_default();
        assert!(warning.starts_with("`CARGO_MANIFEST_DIR` is used in `src/unused.rs:1`"), "{answer} {installed}");
    }
}

#[tokio::test]
async fn an_archive_without_a_valid_plugin_is_reported_and_not_stored() {
    let host = TestHost::start().await;
    for (name, pointer) in [("bad-manifest", "id"), ("no-manifest", "plugin.yaml")] {
        let answer = upload(&host, &zipped(name, "")).await.expect(200).json();
        assert_eq!((&answer["validation"]["valid"], &answer["upload_id"]), (&json!(false), &serde_json::Value::Null));
        let problems = answer["validation"]["problems"].as_array().unwrap();
        assert!(problems.iter().any(|problem| problem["pointer"] == pointer), "{answer}");
        let messages: Vec<_> = problems.iter().map(|problem| problem["message"].clone()).collect();
        assert_eq!(answer["validation"]["errors"], json!(messages), "older clients read the messages");
    }
    let yaml = std::fs::read(source("hello").join("plugin.yaml")).unwrap();
    for (files, fix) in [
        (
            &[("a/plugin.yaml", &yaml[..]), ("x", b"")][..],
            "there is one in `a/`: name that folder, or `load` with --path a",
        ),
        (&[("plugin.yaml", &yaml), ("go.mod", b""), ("main.go", b"")], "this is a Go plugin; port it to Rust"),
        (&[("plugin.yaml", &yaml), ("README.md", b"")], "add a Cargo.toml, or exactly one library"),
    ] {
        let bytes = archive(files);
        let answer = upload(&host, &bytes).await.expect(200).json();
        assert!(answer["validation"]["fix"].as_str().is_some_and(|found| found.contains(fix)), "{answer}");
        let file = host.sources().join("plugin.zip");
        std::fs::write(&file, bytes).unwrap();
        let output = host.command(&["load", file.to_str().unwrap()]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("plugin.zip` is invalid") && stderr.contains(fix), "{stderr}");
    }
    assert_eq!(
        install(&host, "upload_00000000000000000000000000000000").await.expect(404).code(),
        "run_unknown_upload"
    );
    assert_eq!(install(&host, "..%2f..%2fetc").await.expect(400).code(), "route_path");
}

#[tokio::test]
async fn a_plugin_in_a_folder_of_an_archive_is_found_by_its_path() {
    let host = TestHost::start().await;
    let mut entries = vec![Entry::stored("README.md", b"x")];
    let hello = files(&source("hello"));
    entries.extend(hello.iter().map(|(name, content)| Entry::deflated(&format!("plugins/hello/{name}"), content)));
    let archive = Archive::of(entries).bytes();
    let path = "plugins/hello";

    let root = upload(&host, &archive).await.expect(200).json();
    assert_eq!(root["upload_id"], serde_json::Value::Null);
    assert!(root["validation"].to_string().contains("which holds `README.md`, `plugins`"), "{root}");
    let missing = upload_in(&host, Some("plugins/none"), "plugin", "p.zip", &archive).await.expect(422);
    assert_eq!(missing.code(), "fetch_no_folder");
    let outside = upload_in(&host, Some("../x"), "plugin", "p.zip", &archive).await.expect(400);
    assert_eq!(outside.code(), "source_path");

    let answer = upload_in(&host, Some(path), "plugin", "p.zip", &archive).await.expect(200).json();
    assert_eq!(
        (&answer["validation"]["valid"], &answer["metadata"]["id"]),
        (&json!(true), &json!("hello")),
        "{answer}"
    );
    let install = format!("/api/plugins/install/{}", answer["upload_id"].as_str().unwrap());
    let turn = any_turn_to_build().await;
    host.post_json(&install, &json!({ "path": path })).await.expect(200);
    host.call("hello/hello").await.expect(200);

    // The same archive over the command line, which uploads it, and as a file that the host reads.
    let file = host.sources().join("many.zip");
    std::fs::write(&file, &archive).unwrap();
    let command = host.command(&["load", file.to_str().unwrap(), "--path", path, "--replace"]).await;
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
    let of_file = json!({ "source": file, "path": path, "replace": true });
    let loaded = host.post_json("/api/plugins/load", &of_file).await.expect(200).json();
    assert_eq!(loaded["source"], format!("{}#path={path}", file.display()));
    host.post("/api/plugins/hello/reload").await.expect(200);
    drop(turn);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn files_that_are_left_out_are_named_by_upload_validation_installation_and_the_log_of_the_job() {
    let host = TestHost::start().await;
    let mut entries = vec![Entry::stored("__MACOSX/._hello", b"x"), Entry::stored(".DS_Store", b"x")];
    let hello = files(&source("hello"));
    entries.extend(hello.iter().map(|(name, content)| Entry::deflated(&format!("hello/{name}"), content)));
    entries.push(Entry::stored("hello/rust-toolchain.toml", b"x"));
    let answer = upload(&host, &Archive::of(entries).bytes()).await.expect(200).json();
    let warnings = &answer["validation"]["warnings"];
    let expected = [("`hello/rust-toolchain.toml`", "does not configure the build"), ("`__MACOSX`", "macOS")];
    let is_complete = |warnings: &serde_json::Value| {
        let texts: Vec<_> = warnings.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        expected.iter().all(|(name, why)| texts.iter().any(|text| text.contains(name) && text.contains(why)))
    };
    assert!(is_complete(warnings), "{answer}");
    let id = answer["upload_id"].as_str().unwrap();
    let validated = host.request("POST", "/api/plugins/validate").json(&json!({ "upload_id": id })).send().await;
    let validated = validated.expect(200).json();
    assert!(is_complete(&validated["warnings"]), "{validated}");
    let installed = install(&host, id).await.expect(200).json();
    assert!(is_complete(&installed["warnings"]), "{installed}");
    let jobs = host.get("/api/jobs").await.json();
    let job = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let log = host.get(&format!("/api/jobs/{job}/log")).await.text();
    assert!(log.contains("warning: left out of the source: `.DS_Store`, `__MACOSX`"), "{log}");
}

#[tokio::test]
async fn an_inconsistent_archive_is_rejected() {
    let host = TestHost::start().await;
    let good = || Entry::deflated("plugin.yaml", b"id: x");
    let bomb = Entry::deflated("zeros", b"").both(|header| header.bytes = 50 << 20);
    for (what, archive, code) in [
        ("no archive", b"this is no archive".to_vec(), "fetch_zip_no_end"),
        ("a path that climbs", Archive::of([good(), Entry::stored("../../evil", b"x")]).bytes(), "fetch_zip_name"),
        ("an absolute path", Archive::of([good(), Entry::stored("/etc/cron.d/x", b"x")]).bytes(), "fetch_zip_name"),
        ("the same name twice", Archive::of([good(), good()]).bytes(), "fetch_zip_duplicate"),
        (
            "a pipe",
            Archive::of([good(), Entry::stored("pipe", b"").with(|e| e.attributes = 0o010_644 << 16)]).bytes(),
            "fetch_zip_file_type",
        ),
        ("a bomb", Archive::of([good(), bomb]).bytes(), "fetch_zip_ratio"),
        (
            "a name that some file systems take for git's own folder",
            Archive::of([good(), Entry::stored(".GIT/config", b"x")]).bytes(),
            "fetch_zip_forbidden_name",
        ),
        (
            "other bytes than its checksum",
            Archive::of([good().both(|header| header.crc ^= 1)]).bytes(),
            "fetch_zip_checksum",
        ),
    ] {
        let refused = upload(&host, &archive).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, code), "{what}: {}", refused.text());
    }
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
}

#[tokio::test]
async fn a_library_that_is_none_is_reported_before_it_is_installed() {
    let host = TestHost::start().await;
    let manifest = files(&source("hello")).into_iter().find(|(name, _)| name == "plugin.yaml").unwrap().1;
    for (library, evidence) in [(&b""[..], "it is an empty file"), (b"garbage", "it is a text file")] {
        let archive = archive(&[("plugin.yaml", &manifest), ("libhello.so", library)]);
        let answer = upload(&host, &archive).await.expect(200).json();
        let validation = &answer["validation"];
        assert_eq!((&validation["valid"], &answer["upload_id"]), (&json!(false), &serde_json::Value::Null), "{answer}");
        assert!(validation["errors"].to_string().contains(evidence), "{answer}");
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
    let refused = upload(&host, &archive(&[("plugin.yaml", &manifest), ("libhello.so", pointer)])).await.expect(422);
    assert_eq!(refused.code(), "fetch_lfs_pointers");
    assert!(refused.text().contains("`libhello.so`"), "{}", refused.text());
}

#[tokio::test]
async fn invalid_forms_and_oversized_archives_are_rejected() {
    let host = TestHost::with(&["--max-upload-bytes", "1KiB"]).await;
    let hello = zipped("hello", "");
    assert_eq!(upload(&host, &hello).await.expect(413).code(), "upload_too_large");
    assert_eq!(upload_as(&host, "avatar", "a.zip", b"x").await.expect(400).code(), "upload_field");
    assert_eq!(upload_as(&host, "plugin", "a.tar.gz", b"x").await.expect(400).code(), "upload_type");
    // curl's `-F plugin=a.zip` sends the name as a text.
    let text = "--frontier\r\nContent-Disposition: form-data; name=\"plugin\"\r\n\r\na.zip\r\n--frontier--\r\n";
    let request = host.request("POST", "/api/plugins/upload").body(text.as_bytes());
    let refused = request.header("content-type", "multipart/form-data; boundary=frontier").send().await.expect(400);
    assert!(
        refused.text().contains("is a text, not a file") && refused.text().contains("plugin=@"),
        "{}",
        refused.text()
    );
    let request = host.request("POST", "/api/plugins/upload").header("content-type", "application/zip").body(&hello);
    assert_eq!(request.send().await.expect(400).code(), "upload_form");
    let request = host.request("POST", "/api/plugins/upload");
    let cut = b"--frontier\r\nContent-Disposition: form-data; name=\"plugin\"; filename=\"a.zip\"\r\n\r\nPK";
    let request = request.header("content-type", "multipart/form-data; boundary=frontier").body(cut);
    assert_eq!(request.send().await.expect(400).code(), "upload_form");
}

#[tokio::test]
async fn a_form_has_only_its_two_fields_each_once_and_in_order() {
    let host = TestHost::start().await;
    let archive = |name: &str| format!("name=\"{name}\"; filename=\"a.zip\"\r\n\r\nPK");
    let text = |name: &str| format!("name=\"{name}\"\r\n\r\nplugins/a");
    for (fields, detail) in [
        (vec![], "the form has no file in the field `plugin` or `file`"),
        (vec![text("path")], "the form has no file in the field `plugin` or `file`"),
        (vec![text("pth"), archive("plugin")], "the form has the unknown field `pth`"),
        (vec![archive("plugin"), text("version")], "the form has the unknown field `version`"),
        (vec![text("path"), text("path"), archive("plugin")], "the form has the field `path` twice"),
        (vec![archive("plugin"), text("path")], "the field `path` is after the archive"),
        (vec![archive("plugin"), archive("plugin")], "the form has two archives"),
        (vec![archive("file"), archive("plugin")], "the form has two archives"),
        (vec!["filename=\"a.zip\"\r\n\r\nPK".to_owned()], "the form has a field without a name"),
        (vec![archive("Plugin")], "the form has the unknown field `Plugin`"),
    ] {
        let field = |field: &String| format!("--frontier\r\nContent-Disposition: form-data; {field}\r\n");
        let body = fields.iter().map(field).collect::<String>() + "--frontier--\r\n";
        let request = host.request("POST", "/api/plugins/upload");
        let request = request.header("content-type", "multipart/form-data; boundary=frontier").body(body.as_bytes());
        let refused = request.send().await.expect(400);
        assert_eq!(refused.code(), "upload_field", "{fields:?}: {}", refused.text());
        assert_eq!(refused.json()["detail"], detail);
        assert!(refused.json()["fix"].as_str().unwrap().contains("the optional field `path`, each once"));
    }
}

#[tokio::test]
async fn a_field_beside_the_archive_has_a_limit() {
    let host = TestHost::start().await;
    let refused = upload_in(&host, Some(&"a/".repeat(50_000)), "plugin", "a.zip", b"PK").await.expect(413);
    assert_eq!(refused.code(), "upload_too_large");
}

#[tokio::test]
async fn a_source_without_a_manifest_is_not_called_a_failure_of_the_data_folders() {
    let host = TestHost::start().await;
    let answer = upload(&host, &archive(&[("a/plugin.yaml", b"id: a"), ("b.txt", b"")])).await.expect(200).json();
    let message = answer["validation"]["errors"][0].as_str().unwrap();
    assert!(message.starts_with("no `plugin.yaml` at the root of the source, which holds `a`, `b.txt`"), "{answer}");
}

#[tokio::test]
async fn an_upload_expires_after_its_configured_lifetime() {
    let host = TestHost::with(&["--upload-lifetime-seconds", "1"]).await;
    let hello = zipped("hello", "");
    let id = upload(&host, &hello).await.expect(200).json()["upload_id"].as_str().unwrap().to_owned();
    let is_kept = async || {
        // Each upload deletes the expired ones.
        upload(&host, &hello).await.expect(200);
        host.post_json("/api/plugins/validate", &json!({ "upload_id": id })).await.status == 200
    };
    eventually("the upload expires", async || !is_kept().await).await;
    assert_eq!(install(&host, &id).await.expect(404).code(), "run_unknown_upload");
}
