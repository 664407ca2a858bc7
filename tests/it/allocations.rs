//! The number of heap allocations of a request, counted by a library that stands before malloc.

use std::path::Path;
use std::process::Command;

use crate::client::Connection;
use crate::host::{TestHost, endpoint};

/// Requests of each kind. The smallest number counts: the host also allocates in the background, and more for a request
/// that has to wait.
const N_REQUESTS: usize = 1_000;

#[tokio::test]
async fn a_request_makes_no_more_allocations_than_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("counter.so");
    compile(&library);
    let counter = folder.path().join("counter");
    std::fs::write(&counter, [0; 8]).unwrap();
    let host = TestHost::options()
        .variable("LD_PRELOAD", library.to_str().unwrap())
        .variable("ALLOCATION_COUNTER", counter.to_str().unwrap());
    let host = host.start().await;
    host.load("hello").await;
    let n_allocations = async |path: &str, status: u16| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", host.anonymous().address);
        let mut connection = host.anonymous().connect().await;
        let mut least = u64::MAX;
        for _ in 0..N_REQUESTS {
            let before = read(&counter);
            ask(&mut connection, request.as_bytes(), status).await;
            least = least.min(read(&counter) - before);
        }
        least
    };
    // Plain axum with the same headers makes 21 for such a call; tests/bench/README.md has the table.
    for (what, path, status, most) in [
        ("a call", endpoint("hello/hello"), 200, 17),
        ("a call of an unknown plugin", endpoint("nobody/hello"), 404, 22),
        ("a health probe", "/health/live".to_owned(), 200, 63),
    ] {
        let found = n_allocations(&path, status).await;
        assert!(found > 0, "{what}: the counter does not count");
        assert!(found <= most, "{what} makes {found} allocations, and made {most}");
    }
}

async fn ask(connection: &mut Connection, request: &[u8], status: u16) {
    connection.send(request).await;
    let answer = connection.head(false).await;
    connection.rest().await;
    assert_eq!(answer.status, status);
}

fn read(counter: &Path) -> u64 {
    u64::from_ne_bytes(std::fs::read(counter).unwrap().try_into().unwrap())
}

fn compile(library: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/support/allocation_counter.c");
    let compiled =
        Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(library).arg(source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}
