//! Notifications to the service manager.

use std::os::unix::net::UnixDatagram;

use crate::host::{PATIENCE, TestHost};

/// A service manager that only receives notifications.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &std::path::Path) -> Manager {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    /// Reads messages until one contains `text`, and returns that message.
    async fn told(&self, text: &'static str) -> String {
        let socket = self.0.try_clone().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 4096];
            loop {
                let n_bytes = socket.recv(&mut bytes).unwrap_or_else(|error| panic!("never told `{text}`: {error}"));
                let message = String::from_utf8(bytes[..n_bytes].to_vec()).unwrap();
                if message.contains(text) {
                    return message;
                }
            }
        });
        read.await.unwrap()
    }
}

#[tokio::test]
async fn the_service_manager_is_notified_of_state_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let options = TestHost::options().variable("NOTIFY_SOCKET", path.to_str().unwrap());
    let host = options.variable("WATCHDOG_USEC", "300000").start().await;
    manager.told("STATUS=starting installed plugins").await;
    assert_eq!(manager.told("READY=1").await, "READY=1\nSTATUS=serving");
    assert_eq!(manager.told("WATCHDOG=1").await, "WATCHDOG=1");

    let pid = rustix::process::Pid::from_raw(i32::try_from(host.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(manager.told("RELOADING=1").await.contains("\nMONOTONIC_USEC="));
    manager.told("READY=1").await;
    manager.told("WATCHDOG=1").await;
    host.terminate();
    assert!(manager.told("STOPPING=1").await.starts_with("STOPPING=1\n"));
    host.stop();
}

#[tokio::test]
async fn a_watchdog_of_another_process_gets_no_notifications() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let options = TestHost::options().variable("NOTIFY_SOCKET", path.to_str().unwrap());
    let host = options.variable("WATCHDOG_USEC", "3000").variable("WATCHDOG_PID", "1").start().await;
    manager.told("READY=1").await;
    host.terminate();
    let socket = manager.0.try_clone().unwrap();
    let next = tokio::task::spawn_blocking(move || {
        let mut bytes = [0; 4096];
        let n_bytes = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..n_bytes]).into_owned()
    });
    assert!(next.await.unwrap().starts_with("STOPPING=1"));
    host.stop();
}

#[test]
fn the_unit_file_is_valid() {
    let unit = crate::plugins::repository().join("packaging/plugin-host.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    for line in ["Type=notify", "Restart=always", "WatchdogSec=30", "ExecReload=/bin/kill -HUP $MAINPID"] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
}
