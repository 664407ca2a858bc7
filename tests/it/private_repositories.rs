//! Private repositories: the token of `host.toml` reads them, and appears nowhere.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::git_server::{Behaviour, GitServer};
use crate::host::{TestHost, eventually};
use crate::plugins;
use crate::tls_front::{TlsFront, certificate};

const TOKEN: &str = "s3cret-of-acme";
/// The header for [`TOKEN`].
const BASIC: &str = "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0LW9mLWFjbWU=";

/// Writes a host.toml whose section for the server has the given key.
fn configure(file: &Path, server: &TlsFront, key: &str) {
    let base = format!("https://{}/", server.host());
    let text = format!(
        "log_filter = \"debug\"\nmirror = [{{ prefix = \"{base}\", base = \"{base}\" }}]\n\
         [git.\"{}/acme\"]\nca_file = \"{}\"\n{key}\n",
        server.host(),
        certificate().display()
    );
    std::fs::write(file, text).unwrap();
}

async fn load(host: &TestHost, source: &str) -> Answer {
    let _turn = plugins::any_turn_to_build().await;
    host.post_json("/api/plugins/load", &json!({ "source": source })).await
}

/// Returns the files of a folder that contain the token or the header.
fn files_with_token(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
                if has(TOKEN) || has(&BASIC[6..]) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn a_private_repository_is_loaded_with_its_token_which_appears_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path());
    let repository = server.repository("acme/hello");
    plugins::copy(&plugins::source("hello"), &repository.folder);
    repository.commit(&[]);
    server.behave(Behaviour::Private(vec![BASIC.to_owned()]));
    let front = TlsFront::start(server.address());
    let source = format!("https://{}/acme/hello", front.host());

    let options = TestHost::options();
    let file = options.sources().join("host.toml");
    let token = folder.path().join("token");
    std::fs::write(&token, "expired").unwrap();
    configure(&file, &front, "");
    let host = options.flags(&["--config", file.to_str().unwrap()]).start().await;
    let refused = load(&host, &source).await.expect(422);
    assert_eq!(refused.code(), "fetch_no_repository");
    let setting = format!("set a token under `[git.\"{}\"]` in host.toml", front.host());
    assert!(refused.json()["fix"].as_str().unwrap().contains(&setting), "{}", refused.text());

    // SIGHUP reads the section again.
    configure(&file, &front, &format!("token_file = \"{}\"", token.display()));
    let pid = rustix::process::Pid::from_raw(i32::try_from(host.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let events = async || {
        let request = host.request("GET", "/api/events?after=0&kind=host.reconfigured");
        request.header("accept", "application/json").send().await.expect(200).json()["events"].clone()
    };
    eventually("the configuration is read again", async || events().await[0].is_object()).await;
    let changed = events().await[0]["detail"]["changed"].clone();
    assert_eq!(changed, json!([format!("git.\"{}/acme\"", front.host())]));
    assert_eq!(load(&host, &source).await.expect(422).code(), "fetch_token_refused");
    std::fs::write(&token, TOKEN).unwrap();
    load(&host, &source).await.expect(200);
    host.call("hello/hello").await.expect(200);
    host.post("/api/plugins/hello/reload").await.expect(200);
    assert!(server.authorizations().iter().flatten().any(|value| value == BASIC));

    let mut seen = host.log();
    for path in ["/api/plugins", "/api/jobs", "/api/audit", "/api/events?after=0", "/api/settings", "/metrics"] {
        seen += &host.request("GET", path).header("accept", "application/json").send().await.text();
    }
    assert!(seen.contains(&source), "the log names the repository");
    assert!(!seen.contains(TOKEN) && !seen.contains(&BASIC[6..]), "{seen}");
    assert_eq!(files_with_token(&host.plugin_dir()), Vec::<String>::new());
    let shown = host.command(&["config", "show", "--json", "--config", file.to_str().unwrap()]).await;
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let section = &shown[format!("git.\"{}/acme\"", front.host())];
    assert_eq!(section["token_file"], token.to_str().unwrap(), "{shown}");
}
