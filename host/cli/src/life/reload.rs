//! The configuration, read again while the host runs: SIGHUP.

use std::convert::Infallible;

use host_run::Host;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::systemd::Systemd;
use crate::config::{self, Changes, ReadAgain};
use crate::failure::Failure;

/// The signals that ask for it. From here on they do not end the process.
pub(super) fn hangups() -> Result<Signal, Failure> {
    signal(SignalKind::hangup()).map_err(|error| Failure::of("failed to listen for signals", &error))
}

/// Reads the configuration again at every signal, and tells the log, the journal and the service manager.
pub(super) async fn follow(mut hangups: Signal, changes: &Changes, host: &Host, systemd: &Systemd) -> Infallible {
    loop {
        if hangups.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        systemd.reloading();
        host.note_configuration(tell(changes.read_again()));
        systemd.ready();
    }
}

/// Writes to the log what became of it.
fn tell(read: Result<ReadAgain, Failure>) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
    match read {
        Ok(ReadAgain { changed, after_restart }) => {
            tracing::info!(changed = changed.join(", "), "the configuration was read again");
            if !after_restart.is_empty() {
                tracing::warn!("changed in the configuration, but only after a restart: {}", after_restart.join(", "));
            }
            Ok((changed, after_restart))
        }
        Err(Failure { message, details, .. }) => {
            let reasons = match message == config::REFUSED {
                true => details,
                false => vec![[vec![message], details].concat().join(": ")],
            };
            for reason in &reasons {
                tracing::error!("the configuration is refused, the old one stays: {reason}");
            }
            Err(reasons)
        }
    }
}
