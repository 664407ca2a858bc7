//! Plugins from repositories: what is taken, and what is refused.

use serde_json::json;
use tempfile::TempDir;

use crate::client::Answer;
use crate::git_server::{Behaviour, GitServer, Repository};
use crate::host::TestHost;
use crate::plugins;

/// A git server that stands in for `https://github.com/`.
struct Github {
    server: GitServer,
    _folder: TempDir,
}

impl Github {
    fn start() -> Github {
        let folder = tempfile::tempdir().unwrap();
        Github { server: GitServer::start(folder.path()), _folder: folder }
    }

    async fn host(&self) -> TestHost {
        let mirror = format!("https://github.com/={}", self.server.url());
        TestHost::with(&["--mirror", &mirror]).await
    }

    /// A repository with a good plugin of that version.
    fn plugin(&self, name: &str, version: &str) -> Repository {
        let repository = self.server.repository(name);
        commit_version(&repository, version);
        repository
    }
}

/// Commits the plugin `hello` as that version, and gives the commit.
fn commit_version(repository: &Repository, version: &str) -> String {
    plugins::copy(&plugins::source("hello"), &repository.folder);
    let yaml = std::fs::read_to_string(repository.folder.join("plugin.yaml")).unwrap();
    let yaml = yaml.replace("version: 1.0.0", &format!("version: {version}"));
    let cargo = std::fs::read_to_string(repository.folder.join("Cargo.toml")).unwrap();
    let cargo = cargo.replace("version = \"1.0.0\"", &format!("version = \"{version}\""));
    repository.commit(&[("plugin.yaml", &yaml), ("Cargo.toml", &cargo)])
}

async fn load(host: &TestHost, source: &str, version: Option<&str>) -> Answer {
    let _turn = plugins::any_turn_to_build().await;
    let mut body = json!({ "source": source });
    if let Some(version) = version {
        body["version"] = json!(version);
    }
    host.post_json("/api/plugins/load", &body).await
}

#[tokio::test]
async fn a_repository_is_loaded_at_its_newest_release_a_tag_a_branch_or_a_commit() {
    let github = Github::start();
    let repository = github.plugin("acme/hello", "1.0.0");
    let first = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "v1.0.0"]);
    let second = commit_version(&repository, "1.1.0");
    repository.git(&["tag", "v1.1.0"]);
    let third = commit_version(&repository, "2.0.0-dev");
    repository.git(&["tag", "v2.0.0-rc.1"]);
    let host = github.host().await;

    let url = "https://github.com/acme/hello";
    for (version, expected, commit) in [
        (None, "1.1.0", &second),
        (Some("latest"), "1.1.0", &second),
        (Some("main"), "2.0.0-dev", &third),
        (Some("v1.0.0"), "1.0.0", &first),
        (Some(first.as_str()), "1.0.0", &first),
    ] {
        let asked = load(&host, url, version).await.expect(200).json();
        assert_eq!(asked["version"], expected, "{version:?}");
        assert_eq!(host.plugin("hello").await["commit"], **commit, "{version:?}");
        host.call("hello/hello").await.expect(200);
    }
    let in_address = load(&host, &format!("{url}.git@v1.1.0"), None).await.expect(200).json();
    assert_eq!(in_address["version"], "1.1.0");

    repository.git(&["tag", "--force", "v1.1.0", &third]);
    let reloaded = host.post("/api/plugins/hello/reload").await.expect(200).json();
    assert_eq!(reloaded["version"], "2.0.0-dev", "a reload fetches again");
    let warning =
        format!("the tag `v1.1.0` was moved: it led to commit {second} before and leads to commit {third} now");
    assert_eq!(reloaded["warnings"], json!([warning]));

    let missing = load(&host, url, Some("v9")).await.expect(422);
    assert_eq!(missing.code(), "fetch_no_revision");
    let nowhere = load(&host, "https://github.com/acme/nothing", None).await.expect(422);
    assert_eq!(nowhere.code(), "fetch_no_repository");
    assert_eq!(host.plugin("hello").await["version"], serde_json::Value::Null);
    assert_eq!(host.plugin("hello").await["Version"], "2.0.0-dev");
}

#[tokio::test]
async fn a_repository_that_leads_elsewhere_is_refused_and_what_served_still_serves() {
    let github = Github::start();
    github.plugin("acme/hello", "1.0.0");
    let host = github.host().await;
    let url = "https://github.com/acme/hello";
    load(&host, url, None).await.expect(200);

    let elsewhere = GitServer::start(tempfile::tempdir().unwrap().path());
    github.server.behave(Behaviour::Redirect(format!("{}acme/hello/info/refs", elsewhere.url())));
    assert_eq!(load(&host, url, None).await.expect(422).code(), "fetch_redirect");
    let reload = host.post("/api/plugins/hello/reload").await.expect(422);
    assert_eq!(reload.code(), "fetch_redirect");
    assert_eq!(elsewhere.connections(), 0, "the redirect was followed");
    github.server.behave(Behaviour::Status(500));
    assert_eq!(load(&host, url, None).await.expect(422).code(), "fetch_http_status");
    github.server.behave(Behaviour::ContentType("text/html".to_owned()));
    assert_eq!(load(&host, url, None).await.expect(422).code(), "fetch_content_type");

    host.call("hello/hello").await.expect(200);
    let plugin = host.plugin("hello").await;
    assert_eq!((&plugin["generation"], &plugin["last_error"]["code"]), (&json!(1), &json!("fetch_redirect")));
}

#[tokio::test]
async fn a_repository_with_submodules_is_refused() {
    let github = Github::start();
    let nested = github.plugin("acme/nested", "1.0.0");
    let commit = nested.git(&["rev-parse", "HEAD"]);
    nested.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendored")]);
    nested.git(&["commit", "--quiet", "--message", "change"]);

    let host = github.host().await;
    let refused = load(&host, "https://github.com/acme/nested", None).await.expect(422);
    assert_eq!(refused.code(), "fetch_submodule");
    assert!(refused.text().contains("vendored"), "{}", refused.text());
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
}

#[tokio::test]
async fn a_silent_server_times_out_while_the_host_stays_responsive() {
    let github = Github::start();
    github.plugin("acme/hello", "1.0.0");
    github.server.behave(Behaviour::StallBeforeAnswer);
    let host = github.host().await;
    let stalled = load(&host, "https://github.com/acme/hello", None);
    let others = async {
        while github.server.connections() == 0 {
            host.get("/api/plugins").await.expect(200);
        }
        host.load("hello").await;
        host.call("hello/hello").await.expect(200);
    };
    let (refused, ()) = tokio::join!(stalled, others);
    assert_eq!(refused.expect(422).code(), "fetch_stalled");
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn only_https_addresses_of_repositories_are_fetched_from() {
    let host = TestHost::start().await;
    for (source, code) in [
        ("http://github.com/acme/hello", "source_scheme"),
        ("git://github.com/acme/hello", "source_scheme"),
        ("ssh://git@github.com/acme/hello", "source_scheme"),
        ("file:///etc", "source_scheme"),
        ("ext::sh -c id", "source_scheme"),
        ("https://user:secret@github.com/acme/hello", "source_url"),
        ("https://127.0.0.1/acme/hello", "source_url"),
        ("https://github.com/acme", "source_url"),
        ("https://github.com/acme/hello@-upload-pack=id", "source_revision"),
        ("https://github.com/acme/hello@a..b", "source_revision"),
        ("", "source_malformed"),
    ] {
        let refused = load(&host, source, None).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, code), "{source}: {}", refused.text());
        assert!(!refused.text().contains("secret"), "{}", refused.text());
    }
    let port = load(&host, "https://github.com:8443/acme/hello", None).await.expect(422);
    assert_eq!(port.code(), "fetch_repository_not_allowed");
    for (source, meant) in [
        ("git@github.com:acme/hello.git", "https://github.com/acme/hello"),
        ("https://github.com/acme/hello/issues/7", "https://github.com/acme/hello"),
        ("acme/hello", "https://github.com/acme/hello"),
    ] {
        let refused = load(&host, source, None).await;
        assert!(refused.text().contains(&format!("did you mean `{meant}`?")), "{source}: {}", refused.text());
    }
    assert_eq!(load(&host, "https://localhost/acme/hello", None).await.expect(422).code(), "fetch_private_address");
}

#[tokio::test]
async fn an_unlisted_repository_is_not_requested() {
    let github = Github::start();
    github.plugin("acme/hello", "1.0.0");
    let mirror = format!("https://github.com/={}", github.server.url());
    let host = TestHost::with(&["--mirror", &mirror, "--allowed-repository", "github.com/acme/other-*"]).await;
    let refused = load(&host, "https://github.com/acme/hello", None).await.expect(422);
    assert_eq!(refused.code(), "fetch_repository_not_allowed");
    assert_eq!(github.server.connections(), 0);
}

#[tokio::test]
async fn a_version_finds_its_tag_and_the_result_names_tag_and_commit() {
    let github = Github::start();
    let repository = github.plugin("acme/hello", "1.0.0");
    let tags = ["v1.0.0", "v1.0.1", "plugin/v1.1.0", "x-v1.2.0", "release/1.3.0", "1.4", "v1.5"];
    let commits: Vec<_> = tags
        .iter()
        .enumerate()
        .map(|(number, tag)| {
            let commit = repository.commit(&[("README.md", &number.to_string())]);
            repository.git(&["tag", "--annotate", "--message", "release", tag]);
            commit
        })
        .collect();
    let host = github.host().await;
    let url = "https://github.com/acme/hello";
    for (version, tag) in [
        ("1.0.0", "v1.0.0"),
        ("1.1.0", "plugin/v1.1.0"),
        ("v1.2.0", "x-v1.2.0"),
        ("1.3.0", "release/1.3.0"),
        ("1.4.0", "1.4"),
        ("1.5", "v1.5"),
        ("latest", "v1.5"),
    ] {
        let loaded = load(&host, url, Some(version)).await.expect(200).json();
        let commit = &commits[tags.iter().position(|known| *known == tag).unwrap()];
        assert_eq!((&loaded["tag"], &loaded["commit"]), (&json!(tag), &json!(commit)), "{version}");
        assert_eq!(loaded["ref"], format!("refs/tags/{tag}"), "{version}");
        let plugin = host.plugin("hello").await;
        assert_eq!((&plugin["tag"], &plugin["ref"]), (&loaded["tag"], &loaded["ref"]), "{version}");
    }
    let shown = host.command(&["show", "hello"]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("{} (tag v1.5)", &commits[6][..12])), "{shown}");

    let missing = load(&host, url, Some("1.0")).await.expect(422);
    assert_eq!(missing.code(), "fetch_no_revision");
    assert!(missing.text().contains("near tags: `v1.0.1`, `v1.0.0`"), "{}", missing.text());
    let validated = json!({ "source": url, "version": "1.3.0" });
    let validated = host.post_json("/api/plugins/validate", &validated).await.expect(200).json();
    assert_eq!(validated["commit"], commits[4]);
}

#[tokio::test]
async fn the_releases_of_a_plugin_are_the_tags_that_its_pattern_matches() {
    let github = Github::start();
    let repository = github.plugin("acme/hello", "1.0.0");
    for tag in ["hello-1.0.0-final", "other-v3.0.0", "third-v4.0.0"] {
        repository.git(&["tag", tag]);
    }
    let host = github.host().await;
    let url = "https://github.com/acme/hello";
    let unclear = load(&host, url, None).await.expect(422);
    assert_eq!(unclear.code(), "fetch_ambiguous_tags");
    assert!(unclear.text().contains("tag_pattern"), "{}", unclear.text());
    let asked = json!({ "source": url, "tag_pattern": "final{version}" });
    assert_eq!(host.post_json("/api/plugins/load", &asked).await.expect(422).code(), "fetch_no_release");
    for (body, code) in [
        (json!({ "source": url, "tag_pattern": "v1" }), "source_tag_pattern"),
        (json!({ "source": "examples/hello", "tag_pattern": "v{version}" }), "source_tag_pattern"),
    ] {
        assert_eq!(host.post_json("/api/plugins/load", &body).await.expect(400).code(), code, "{body}");
    }

    let turn = plugins::any_turn_to_build().await;
    let loaded = host.command(&["load", url, "--tag-pattern", "hello-{version}-final"]).await;
    drop(turn);
    let text = String::from_utf8(loaded.stdout).unwrap();
    assert!(text.contains("(tag hello-1.0.0-final)"), "{text}\n{}", String::from_utf8_lossy(&loaded.stderr));
    assert_eq!(host.plugin("hello").await["source"], format!("{url}#tags=hello-{{version}}-final"));

    commit_version(&repository, "1.1.0");
    repository.git(&["tag", "hello-1.1.0-final"]);
    repository.git(&["tag", "other-v5.0.0"]);
    let report = host.get("/api/plugins/hello/updates?check=true").await.expect(200).json()["report"].clone();
    assert_eq!((&report["newest"]["version"], &report["error"]), (&json!("1.1.0"), &json!(null)));
    let exported = String::from_utf8(host.command(&["export"]).await.stdout).unwrap();
    assert!(exported.contains("tag_pattern: \"hello-{version}-final\""), "{exported}");

    let changed = host.command(&["update-policy", "hello", "minor", "--tag-pattern", "other-v{version}"]).await;
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let report = host.get("/api/plugins/hello/updates?check=true").await.expect(200).json()["report"].clone();
    assert_eq!(report["newest"]["version"], "5.0.0");
}

#[tokio::test]
async fn a_moved_tag_is_refused_in_strict_mode_and_reported_otherwise() {
    let github = Github::start();
    let repository = github.plugin("acme/hello", "1.0.0");
    let first = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["tag", "--annotate", "--message", "release", "v1.0.0"]);
    let mirror = format!("https://github.com/={}", github.server.url());
    let host = TestHost::with(&["--mirror", &mirror, "--security-mode", "strict"]).await;
    let url = "https://github.com/acme/hello";
    load(&host, url, Some("1.0.0")).await.expect(200);
    let second = repository.commit(&[("README.md", "another")]);
    repository.git(&["tag", "--force", "--annotate", "--message", "release", "v1.0.0"]);
    let refused = host.post("/api/plugins/hello/reload").await.expect(409);
    assert_eq!(refused.code(), "run_tag_moved");
    let text = refused.text();
    assert!(text.contains(&first) && text.contains(&format!("plugin-host load {url}@{second}")), "{text}");
    assert_eq!(load(&host, url, Some("v1.0.0")).await.expect(409).code(), "run_tag_moved");
    let file = json!({ "version": 1, "plugins": [{ "source": url, "version": "v1.0.0" }] });
    let planned = host.post_json("/api/plugins/plan", &file).await.expect(200).json();
    let applied =
        host.post_json("/api/plugins/apply", &json!({ "plan": planned["plan"], "atomic": true })).await.expect(409);
    assert!(applied.text().contains("run_tag_moved"), "{}", applied.text());
    assert_eq!(host.plugin("hello").await["commit"], first);
    let accepted = load(&host, url, Some(&second)).await.expect(200).json();
    assert_eq!((&accepted["commit"], &accepted["ref"]), (&json!(second), &json!(null)));
}

#[tokio::test]
async fn a_repository_is_loaded_by_the_address_that_people_type() {
    let github = Github::start();
    let repository = github.plugin("acme/hello", "1.0.0");
    repository.git(&["tag", "v1.0.0"]);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let host = github.host().await;
    for (source, at) in [
        ("github.com/acme/hello".to_owned(), ""),
        ("github:acme/hello@v1.0.0".to_owned(), "@v1.0.0"),
        ("https://github.com/acme/hello/tree/main".to_owned(), "@main"),
        ("https://github.com/acme/hello/releases/tag/v1.0.0".to_owned(), "@v1.0.0"),
        (format!("https://github.com/acme/hello/commit/{commit}"), &format!("@{commit}")),
    ] {
        let loaded = load(&host, &source, None).await.expect(200).json();
        assert_eq!(loaded["source"], format!("https://github.com/acme/hello{at}"), "{source}");
        let turn = plugins::any_turn_to_build().await;
        let by_command = host.command(&["load", &source]).await;
        drop(turn);
        assert!(by_command.status.success(), "{source}: {}", String::from_utf8_lossy(&by_command.stderr));
    }
}

#[tokio::test]
async fn a_repository_may_have_a_port_and_a_deep_path() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path());
    for name in ["group/sub/hello", "~user/hello.git"] {
        commit_version(&server.repository(name), "1.0.0");
    }
    let mirror = format!("https://git.example.org:8443/={}", server.url());
    let host = TestHost::with(&["--mirror", &mirror, "--allowed-repository", "git.example.org:8443/**"]).await;
    let url = "https://git.example.org:8443";
    for path in ["group/sub/hello", "~user/hello.git"] {
        let asked = json!({ "source": format!("{url}/{path}"), "replace": true });
        let _turn = plugins::any_turn_to_build().await;
        let loaded = host.post_json("/api/plugins/load", &asked).await.expect(200).json();
        assert_eq!(loaded["source"], asked["source"]);
    }
    let missing = load(&host, &format!("{url}/group/none"), None).await.expect(422);
    assert!(missing.text().contains(&format!("`{url}/group/none` answered 404")), "{}", missing.text());
    let elsewhere = load(&host, "https://git.example.org/group/sub/hello", None).await.expect(422);
    assert_eq!(elsewhere.code(), "fetch_repository_not_allowed");
}

/// Writes a workspace with the plugins `a` and `b`, which share a package, and commits it.
fn commit_workspace(repository: &Repository) {
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"plugins/*\", \"common\"]\n[workspace.package]\nversion = \"1.0.0\"\n\
                edition = \"2024\"\n[workspace.dependencies]\nplugin-sdk = \"0.1\"\ncommon = { path = \"common\" }\n";
    let common = "[package]\nname = \"common\"\nversion.workspace = true\nedition.workspace = true\n";
    repository.write(&[
        ("Cargo.toml", root),
        ("common/Cargo.toml", common),
        ("common/src/lib.rs", "pub fn greeting() -> &'static str {\n    \"shared\"\n}\n"),
    ]);
    for id in ["a", "b"] {
        let cargo = format!(
            "[package]\nname = \"{id}\"\nversion.workspace = true\nedition.workspace = true\n[lib]\ncrate-type = \
             [\"cdylib\"]\n[dependencies]\nplugin-sdk.workspace = true\ncommon.workspace = true\n"
        );
        let yaml = format!(
            "id: plugin-{id}\nname: {id}\nversion: 1.0.0\nendpoints:\n  - {{path: /greeting, method: GET, handler: greet}}\n"
        );
        let code = "use plugin_sdk::prelude::*;\n\n#[derive(Default)]\nstruct Plugin;\n\n#[plugin]\nimpl Plugin {\n    \
                    #[get(\"/greeting\")]\n    async fn greet(&self) -> String {\n        \
                    common::greeting().to_owned()\n    }\n}\n\nexport!(Plugin);\n";
        repository.write(&[
            (&format!("plugins/{id}/Cargo.toml"), &cargo),
            (&format!("plugins/{id}/plugin.yaml"), &yaml),
            (&format!("plugins/{id}/src/lib.rs"), code),
        ]);
    }
    repository.commit(&[]);
}

#[tokio::test]
async fn a_plugin_in_a_folder_is_built_with_its_workspace() {
    let github = Github::start();
    let repository = github.server.repository("acme/many");
    commit_workspace(&repository);
    repository.git(&["tag", "a-v1.0.0"]);
    repository.git(&["tag", "b-v2.0.0"]);
    let host = github.host().await;
    let url = "https://github.com/acme/many";
    let root = load(&host, &format!("{url}@main"), None).await.expect(422);
    assert_eq!(root.code(), "store_no_manifest");
    assert!(
        root.text()
            .contains("there is one in `plugins/a/`, `plugins/b/`: name that folder, or `load` with --path plugins/a"),
        "{}",
        root.text()
    );
    let missing = load(&host, &format!("{url}@main#path=plugins/c"), None).await.expect(422);
    assert_eq!(missing.code(), "fetch_no_folder");
    assert_eq!(load(&host, &format!("{url}#path=../x"), None).await.expect(400).code(), "source_path");

    let turn = plugins::any_turn_to_build().await;
    let asked = json!({ "source": url, "path": "plugins/a" });
    let loaded = host.post_json("/api/plugins/load", &asked).await.expect(200).json();
    let source = format!("{url}#path=plugins/a");
    assert_eq!(
        (&loaded["id"], &loaded["source"], &loaded["tag"]),
        (&json!("plugin-a"), &json!(source), &json!("a-v1.0.0"))
    );
    assert_eq!(host.call("plugin-a/greeting").await.expect(200).text(), "shared");
    let by_command = host.command(&["load", &format!("{url}/tree/main/plugins/b")]).await;
    assert!(by_command.status.success(), "{}", String::from_utf8_lossy(&by_command.stderr));
    assert_eq!(host.plugin("plugin-b").await["source"], format!("{url}@main#path=plugins/b"));
    host.post("/api/plugins/plugin-a/reload").await.expect(200);
    let exported = String::from_utf8(host.command(&["export"]).await.stdout).unwrap();
    assert!(exported.contains("path: plugins/a") && exported.contains("path: plugins/b"), "{exported}");

    // The same folder of a folder.
    plugins::copy(&repository.folder, &host.sources().join("many"));
    let _ = std::fs::remove_dir_all(host.sources().join("many/.git"));
    let folder = json!({ "source": host.sources().join("many"), "path": "plugins/a", "replace": true });
    host.post_json("/api/plugins/load", &folder).await.expect(200);
    drop(turn);
    let file = json!({ "version": 1, "plugins": [{ "source": url, "version": "main", "path": "plugins/b" }] });
    let planned = host.post_json("/api/plugins/plan", &file).await.expect(200).json();
    assert_eq!(planned["plugins"][0]["id"], "plugin-b", "{planned}");
}
