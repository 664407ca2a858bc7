//! The examples: what their READMEs say is so, and what each is there to show holds in a real host.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{built, copy, files, repository};
use crate::readme::Readme;
use crate::web_server::WebServer;

const MIB: u64 = 1 << 20;

/// Whether what a README says is so.
mod what_its_readme_says {
    macro_rules! examples {
        ($($name:ident)*) => {
            /// All of them, but for `client`, which needs a server.
            pub(super) const FOLLOWED: &[&str] = &[$(stringify!($name)),*];
            $(
                #[tokio::test]
                async fn $name() {
                    super::follow(stringify!($name)).await;
                }
            )*
        };
    }

    examples! { chat config counter drain hello panics router store stream timer uploads }
}

async fn follow(name: &str) -> TestHost {
    let mut readme = Readme::of(name);
    let host = readme.serve(&built(name).await, str::to_owned).await;
    readme.follow(&host, "").await;
    host
}

fn folders() -> Vec<String> {
    let folders = std::fs::read_dir(repository().join("examples")).unwrap();
    let mut names: Vec<_> = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn no_example_is_forgotten() {
    let mut followed: Vec<_> = what_its_readme_says::FOLLOWED.iter().copied().chain(["client"]).collect();
    followed.sort();
    assert_eq!(folders(), followed);
    for name in folders() {
        let folder = repository().join("examples").join(&name);
        for file in ["Cargo.lock", "Cargo.toml", "README.md", "plugin.yaml", "src/lib.rs"] {
            assert!(folder.join(file).is_file(), "{name} has no {file}");
        }
    }
}

#[tokio::test]
async fn the_readme_of_the_client_holds() {
    let server = WebServer::start(|path, _| match path {
        "/stock.json" => (200, String::new(), "{\"tuna\":3}\n"),
        _ => (404, String::new(), ""),
    })
    .await;
    let change = |text: &str| text.replace("127.0.0.1:8000", &server.address());
    let folder = tempfile::tempdir_in(crate::plugins::built_folder()).unwrap();
    copy(built("client").await.parent().unwrap(), folder.path());
    let yaml = std::fs::read_to_string(folder.path().join("plugin.yaml")).unwrap();
    std::fs::write(folder.path().join("plugin.yaml"), change(&yaml)).unwrap();

    let mut readme = Readme::of("client");
    let host = readme.serve(&folder.path().join("library.so"), change).await;
    readme.follow(&host, "kill %1").await;
    drop(server);
    readme.follow(&host, "").await;
    host.logged("the server with the stock does not respond as expected").await;
}

#[tokio::test]
async fn a_download_of_a_gigabyte_needs_no_memory() {
    let host = TestHost::start().await;
    host.load("stream").await;
    let download = |bytes: u64| host.anonymous().request("GET", &endpoint(&format!("stream/download?bytes={bytes}")));
    assert_eq!(download(100_000).send().await.expect(200).body.len(), 100_000);
    let before = host.resident_bytes();
    let mut call = download(1_000_000_000).open().await;
    assert_eq!(call.head(false).await.header("content-length"), Some("1000000000"));
    let (mut n_bytes, mut grown) = (0, 0);
    while let Some(chunk) = call.chunk().await {
        let quarters = n_bytes / 250_000_000;
        n_bytes += chunk.len() as u64;
        if n_bytes / 250_000_000 > quarters {
            grown = grown.max(host.resident_bytes().saturating_sub(before));
        }
    }
    assert_eq!((n_bytes, call.is_whole()), (1_000_000_000, true));
    assert!(grown < 32 * MIB, "the host grew by {grown} bytes");
}

#[tokio::test]
async fn an_upload_of_a_quarter_gigabyte_needs_no_memory() {
    let host = TestHost::start().await;
    host.load("uploads").await;
    let mut small = host.anonymous().begin("POST", &endpoint("uploads/digest")).await;
    small.send_chunk(&[0; 100_000]).await;
    small.end().await;
    assert_eq!(small.head(false).await.status, 200);

    let before = host.resident_bytes();
    let mut call = host.anonymous().begin("POST", &endpoint("uploads/digest")).await;
    let (chunk, mut grown) = (vec![0; MIB as usize], 0);
    for n in 1..=256 {
        call.send_chunk(&chunk).await;
        if n % 64 == 0 {
            grown = grown.max(host.resident_bytes().saturating_sub(before));
        }
    }
    call.end().await;
    assert_eq!(call.head(false).await.status, 200);
    let received: serde_json::Value = serde_json::from_slice(&call.rest().await).unwrap();
    let sha256 = "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484";
    assert_eq!(received, json!({ "bytes": 256 * MIB, "sha256": sha256 }));
    assert!(grown < 32 * MIB, "the host grew by {grown} bytes");
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_stream() {
    let host = TestHost::start().await;
    host.load("stream").await;
    for path in ["download?bytes=1000000000", "ticks?every_ms=1", "ticks?every_ms=3600000"] {
        let mut call = host.anonymous().request("GET", &endpoint(&format!("stream/{path}"))).open().await;
        assert_eq!(call.head(false).await.status, 200);
        assert!(call.chunk().await.is_some());
        assert_eq!(host.call("stream/open").await.text(), "1", "{path}");
        drop(call);
        eventually("the stream was dropped", || async { host.call("stream/open").await.text() == "0" }).await;
    }
}

#[tokio::test]
async fn panics_are_reported_only_to_the_operator() {
    let host = follow("panics").await;
    let source = std::fs::read_to_string(repository().join("examples/panics/src/lib.rs")).unwrap();
    let line_of = |code: &str| source.lines().position(|line| line.contains(code)).unwrap() + 1;
    for (message, code) in [("this was call 1", "panic!(\"this was"), ("in a task", "panic!(\"in a task")] {
        let line = host.logged(message).await;
        assert!(line.contains(&format!("src/lib.rs:{}", line_of(code))), "{line}");
    }
    host.logged("the stop hook of `panics` failed").await;
    eventually("a probe has passed", || async { host.plugin("panics").await["status"]["health"] == "healthy" }).await;
}

#[tokio::test]
async fn background_work_of_an_example_ends_with_it() {
    let host = follow("timer").await;
    host.delete("/api/plugins/timer").await.expect(200);
    host.logged("stopped after").await;

    let host = follow("drain").await;
    for generation in [1, 2] {
        host.logged(&format!("generation {generation} has nothing more to do")).await;
    }
    assert!(!host.log().contains("were cancelled"), "no call was cut: {}", host.log());
}

/// Tells cargo that the SDK is the one of this repository, as a host does.
fn patches() -> impl Iterator<Item = String> {
    let sdk = repository().join("plugin-sdk").canonicalize().unwrap();
    let crates = [("plugin-sdk", "."), ("plugin-sdk-abi", "abi"), ("plugin-sdk-macros", "macros")];
    crates.into_iter().flat_map(move |(name, place)| {
        ["--config".to_owned(), format!("patch.crates-io.{name}.path={}", json!(sdk.join(place)))]
    })
}

#[track_caller]
fn run(cargo: &mut Command) {
    let output = cargo.args(patches()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{cargo:?}\n{said}");
}

/// Mended by the same command without `--locked`.
#[test]
fn the_lock_of_each_example_names_all_that_the_sdk_needs() {
    for name in folders() {
        let manifest = repository().join("examples").join(name).join("Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        run(cargo.args(["update", "--workspace", "--locked", "--manifest-path"]).arg(manifest));
    }
}

/// In one workspace, so that what they share is compiled once, and in one place, so that it stays so.
#[test]
fn the_tests_that_the_examples_have_themselves_pass() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
    for name in folders() {
        for (path, bytes) in files(&repository().join("examples").join(&name)) {
            write_if_it_differs(&folder.join("src").join(&name).join(path), &bytes);
        }
    }
    let members: Vec<_> = folders().iter().map(|name| format!("src/{name}")).collect();
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = {}\n", json!(members));
    write_if_it_differs(&folder.join("Cargo.toml"), workspace.as_bytes());
    // The versions that this repository has anyway, as far as they are in use there.
    std::fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    run(cargo
        .args(["test", "--quiet", "--workspace"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target")));
}

/// cargo compiles again what was written again.
fn write_if_it_differs(path: &Path, bytes: &[u8]) {
    if std::fs::read(path).is_ok_and(|found| found == bytes) {
        return;
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
