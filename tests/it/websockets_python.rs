//! WebSockets with a second client library: `websockets` of Python.

use std::path::Path;

use crate::host::{TestHost, endpoint};

/// Names the interpreter that has the library, if it is not the usual one.
const PYTHON: &str = "TEST_PYTHON";

#[tokio::test]
async fn the_websockets_library_of_python_agrees_with_the_host() {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".to_owned());
    let found = std::process::Command::new(&python).args(["-c", "import websockets.sync.client"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: `{python}` has no module `websockets`");
        return;
    }
    let host = TestHost::start().await;
    host.load("socket").await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/support/websocket_client.py");
    let base = format!("ws://{}{}", host.address, endpoint("socket"));
    let mut client = tokio::process::Command::new(python);
    let output = client.arg(script).arg(base).env("HOST_TOKEN", host.token.as_deref().unwrap()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.trim_end().ends_with("all cases passed"), "{said}");
}
