//! Handles to a running server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::connection::rules::{ReloadableRules, Rules};
use crate::connection::tls::{Tls, TlsError, TlsFiles};

/// Changes settings of a running server. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    rules: ReloadableRules,
    tls: Option<Arc<Tls>>,
}

impl Control {
    pub(super) fn new(rules: ReloadableRules, tls: Option<Arc<Tls>>) -> Control {
        Control { rules, tls }
    }

    /// Applies new rules.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.store(rules);
    }

    /// Replaces the certificate for new connections. Does nothing if the server was started without TLS.
    ///
    /// # Errors
    /// [`TlsError`]; the previous certificate is kept.
    pub fn set_tls(&self, files: &TlsFiles) -> Result<(), TlsError> {
        if let Some(tls) = &self.tls {
            tls.set(files)?;
            let certificate = files.certificate.display();
            tracing::info!(%certificate, "the TLS certificate was reloaded; new connections use it");
        }
        Ok(())
    }
}

/// Requests a sign of life from the accept loop. Cheap to clone.
#[derive(Clone)]
pub struct Pulse(mpsc::Sender<oneshot::Sender<()>>);

impl Pulse {
    pub(super) fn new(requests: mpsc::Sender<oneshot::Sender<()>>) -> Pulse {
        Pulse(requests)
    }

    /// Waits for a sign of life; false if the loop has ended.
    pub async fn beat(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.is_ok() && answered.await.is_ok()
    }
}

/// Marks the host as ready: `/health/ready` then returns 200.
#[derive(Clone)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    pub(super) fn new(is_ready: Arc<AtomicBool>) -> Ready {
        Ready(is_ready)
    }

    /// Marks the host as ready.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}
