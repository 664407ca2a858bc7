//! Notifications to the service manager: ready, reloading, stopping and watchdog (sd_notify(3)).
//!
//! Each notification is one datagram to the socket in `NOTIFY_SOCKET`; without the variable nothing is sent.

use std::convert::Infallible;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use host_serve::Pulse;
use rustix::time::{ClockId, clock_gettime};

use crate::config::Environment;

/// The connection to the service manager.
pub(super) struct Systemd {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The watchdog timeout.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// Reads the variables set by the service manager.
    pub(super) fn new(environment: &Environment) -> Systemd {
        let socket = environment.get("NOTIFY_SOCKET").and_then(|name| {
            let address = match name.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(name),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        let is_meant = environment.get("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = environment.get("WATCHDOG_USEC").and_then(|text| text.parse().ok());
        let watchdog = watchdog.filter(|&micros: &u64| is_meant && micros > 0).map(Duration::from_micros);
        Systemd { socket, watchdog }
    }

    /// Sends a status text.
    pub(super) fn status(&self, status: &str) {
        self.notify(&format!("STATUS={status}"));
    }

    /// Reports that the host is ready.
    pub(super) fn ready(&self) {
        self.notify("READY=1\nSTATUS=serving");
    }

    /// Reports that the host reloads its configuration.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.notify(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading the configuration"));
    }

    /// Reports that the host is stopping.
    pub(super) fn stopping(&self) {
        self.notify("STOPPING=1\nSTATUS=waiting for calls in flight");
    }

    /// Sends watchdog notifications while the loop that accepts connections responds. The loop ends before the host
    /// does, so no notification is sent while the host stops.
    pub(super) async fn watch(&self, pulse: Pulse) -> Infallible {
        let Some(period) = self.watchdog.filter(|_| self.socket.is_some()).map(|watchdog| watchdog / 3) else {
            return std::future::pending().await;
        };
        loop {
            // A late response counts as none.
            if tokio::time::timeout(period, pulse.beat()).await.is_ok() {
                self.notify("WATCHDOG=1");
            }
            tokio::time::sleep(period).await;
        }
    }

    fn notify(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            tracing::debug!("failed to notify the service manager: {error}");
        }
    }
}
