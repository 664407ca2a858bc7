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
    repository.commit(&[("plugin.yaml", &yaml)])
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
async fn a_repository_with_links_or_submodules_is_refused() {
    let github = Github::start();
    let linked = github.plugin("acme/linked", "1.0.0");
    std::os::unix::fs::symlink("/etc/passwd", linked.folder.join("src/secret.rs")).unwrap();
    linked.commit(&[]);
    let nested = github.plugin("acme/nested", "1.0.0");
    let commit = nested.git(&["rev-parse", "HEAD"]);
    nested.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendored")]);
    nested.git(&["commit", "--quiet", "--message", "change"]);

    let host = github.host().await;
    for (name, code, evidence) in
        [("linked", "fetch_symlink", "src/secret.rs"), ("nested", "fetch_submodule", "vendored")]
    {
        let refused = load(&host, &format!("https://github.com/acme/{name}"), None).await.expect(422);
        assert_eq!(refused.code(), code);
        assert!(refused.text().contains(evidence), "{}", refused.text());
    }
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
        ("https://github.com:8443/acme/hello", "source_url"),
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
