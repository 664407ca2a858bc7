//! Handles to a running server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::connection::rules::{ReloadableRules, Rules};
use crate::connection::tls::{Tls, TlsError, TlsFiles};

/// Changes what may change while a server serves. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    rules: ReloadableRules,
    tls: Option<Arc<Tls>>,
}

impl Control {
    pub(super) fn new(rules: ReloadableRules, tls: Option<Arc<Tls>>) -> Control {
        Control { rules, tls }
    }

    /// Goes by other rules from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.store(rules);
    }

    /// Takes another certificate for the connections to come. Nothing happens when the server was started without TLS.
    ///
    /// # Errors
    /// [`TlsError`]; the certificate that was used stays.
    pub fn set_tls(&self, files: &TlsFiles) -> Result<(), TlsError> {
        if let Some(tls) = &self.tls {
            tls.set(files)?;
            tracing::info!(certificate = %files.certificate.display(), "the TLS certificate was reloaded; new connections use it");
        }
        Ok(())
    }
}

/// Asks the loop that accepts connections for a sign of life. Cheap to clone.
#[derive(Clone)]
pub struct Pulse(mpsc::Sender<oneshot::Sender<()>>);

impl Pulse {
    pub(super) fn new(requests: mpsc::Sender<oneshot::Sender<()>>) -> Pulse {
        Pulse(requests)
    }

    /// Waits for one; `false` when the loop has ended.
    pub async fn beat(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.is_ok() && answered.await.is_ok()
    }
}

/// Says that the host is ready: `/health/ready` answers 200 from then on.
#[derive(Clone)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    pub(super) fn new(is_ready: Arc<AtomicBool>) -> Ready {
        Ready(is_ready)
    }

    /// Says so.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}
