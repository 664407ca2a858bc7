//! Reloads the configuration on SIGHUP.

use std::convert::Infallible;

use host_run::Host;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::systemd::Systemd;
use crate::config::{self, LiveSettings, ReloadReport};
use host_client::Failure;

/// Listens for SIGHUP, which from here on does not end the process.
pub(super) fn hangups() -> Result<Signal, Failure> {
    signal(SignalKind::hangup()).map_err(|error| Failure::from_error("failed to listen for signals", &error))
}

/// Reloads the configuration on every signal and reports the result to the log, the journal and the service manager.
pub(super) async fn follow(mut hangups: Signal, settings: &LiveSettings, host: &Host, systemd: &Systemd) -> Infallible {
    loop {
        if hangups.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        systemd.reloading();
        host.note_configuration(log(settings.reload()));
        systemd.ready();
    }
}

/// Logs the result of a reload.
fn log(read: Result<ReloadReport, Failure>) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
    match read {
        Ok(ReloadReport { changed, after_restart }) => {
            tracing::info!(changed = changed.join(", "), "the configuration was reloaded");
            if !after_restart.is_empty() {
                tracing::warn!("changed settings that take effect after a restart: {}", after_restart.join(", "));
            }
            Ok((changed, after_restart))
        }
        Err(Failure { message, details, .. }) => {
            let reasons =
                if message == config::REFUSED { details } else { vec![[vec![message], details].concat().join(": ")] };
            for reason in &reasons {
                tracing::error!("the configuration is invalid, so the host keeps the previous one: {reason}");
            }
            Err(reasons)
        }
    }
}
