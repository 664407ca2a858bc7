//! SIGHUP: changeable settings take effect, and an invalid configuration is refused as a whole.

use std::path::Path;

use serde_json::json;

use crate::host::{TestHost, eventually};

/// Sends a request with this `Host` and returns the status.
async fn status_for(host: &TestHost, name: &str) -> u16 {
    let mut connection = host.connect().await;
    let request = format!("GET /api/plugins HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n");
    connection.send(request.as_bytes()).await;
    connection.head(false).await.status
}

fn hang_up(host: &TestHost) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(host.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
}

async fn events(host: &TestHost, kind: &str) -> serde_json::Value {
    let request = host.request("GET", &format!("/api/events?after=0&kind={kind}"));
    request.header("accept", "application/json").send().await.expect(200).json()["events"].clone()
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

#[tokio::test]
async fn changeable_settings_take_effect_and_others_are_named() {
    let options = TestHost::options();
    let file = options.sources().join("host.toml");
    write(&file, "allowed_hosts = [\"a.example\"]\nmax_events = 500\n");
    let host = options.flags(&["--config", file.to_str().unwrap()]).start().await;
    assert_eq!([status_for(&host, "a.example").await, status_for(&host, "b.example").await], [401, 421]);
    let mut kept = host.connect().await;
    let request = b"GET /metrics HTTP/1.1\r\nhost: b.example\r\n\r\n";

    write(&file, "allowed_hosts = [\"b.example\"]\nmax_events = 600\nlog_filter = \"debug\"\n");
    hang_up(&host);
    host.logged("take effect after a restart: max_events").await;
    assert_eq!([status_for(&host, "a.example").await, status_for(&host, "b.example").await], [421, 401]);
    kept.send(request).await;
    assert_eq!(kept.head(false).await.status, 200, "a connection that was there before goes by the new rules");
    eventually("the journal has it", || async { events(&host, "host.reconfigured").await[0].is_object() }).await;
    let event = events(&host, "host.reconfigured").await[0].clone();
    assert_eq!(event["detail"]["changed"], json!(["allowed_hosts", "log_filter"]), "{event}");
    assert_eq!(event["detail"]["after_restart"], json!(["max_events"]), "{event}");
    host.logged("refused a request before routing").await;

    // A file with one mistake is refused as a whole.
    write(&file, "allowed_hosts = [\"c.example\"]\nmax_streams = \"many\"\nprot = 1\n");
    hang_up(&host);
    host.logged("the configuration is invalid, so the host keeps the previous one").await;
    eventually("the journal has it", || async { events(&host, "host.reconfiguration_refused").await[0].is_object() })
        .await;
    let event = events(&host, "host.reconfiguration_refused").await[0].clone();
    assert_eq!(event["detail"]["reasons"].as_array().unwrap().len(), 2, "{event}");
    assert!(event.to_string().contains("did you mean `port`?"), "{event}");
    assert_eq!([status_for(&host, "b.example").await, status_for(&host, "c.example").await], [401, 421]);

    // A deleted file is reported as unreadable.
    std::fs::remove_file(&file).unwrap();
    hang_up(&host);
    host.logged("failed to read the configuration").await;
    assert_eq!(status_for(&host, "b.example").await, 401);
}
