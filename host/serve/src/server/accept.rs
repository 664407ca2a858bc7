//! The accept loop, and the shutdown of a server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::access::audit_context;
use crate::connection::admission::Admission;
use crate::connection::registry::Registered;
use crate::server::Server;
use crate::server::connection::{ConnectionContext, LAST_CALL, connection};
use crate::server::service::Service;
use crate::state::AppState;

/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection that is to make room may still bring a request.
const SECOND_CHANCE: Duration = Duration::from_millis(20);
/// How often what was counted is written.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// When the host stops: how long connections that the system has taken already are looked for.
const LAST_ACCEPT: Duration = Duration::from_millis(20);

impl Server {
    /// Serves until `shutdown`, then takes no more connections, lets requests end, at most `grace`, and ends the
    /// generations.
    pub async fn run(self, shutdown: CancellationToken, grace: Duration) {
        let Server { listener, app, tls, config, .. } = self;
        let (host, mut pulses) = (app.host.clone(), self.pulses.1);
        let turns = Arc::new(Semaphore::new(config.max_connections));
        let tasks = app.tasks.clone();
        let admission = Admission {
            all: Arc::default(),
            rules: app.rules.clone(),
            request_ids: app.request_ids.clone(),
            metrics: host.front_metrics().clone(),
            is_plain: tls.is_none(),
        };
        tasks.spawn(flush_usage_periodically(app.clone(), shutdown.clone()));
        let stopping = Arc::new(AtomicBool::new(false));
        let context = ConnectionContext {
            service: Service::new(app.clone()),
            tls,
            header_timeout: config.header_timeout,
            stopping: stopping.clone(),
            shutdown: shutdown.clone(),
        };
        let serve = |stream: TcpStream, registered: Registered, turn: OwnedSemaphorePermit| {
            let (context, there) = (context.clone(), host.front_metrics().connection());
            tasks.spawn(async move {
                let _there = there;
                connection(stream, registered, context).await;
                drop(turn);
            });
        };
        // One that was accepted while all turns are taken, and whether another one goes for it.
        let (mut waiting, mut has_room) = (None, false);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(answer) = pulses.recv() => {
                    // Who asked may have gone.
                    let _ = answer.send(());
                }
                accepted = accept(&listener), if waiting.is_none() => {
                    let Some((stream, registered)) = accepted.and_then(|(stream, peer)| admission.admit(stream, peer))
                    else { continue };
                    match turns.clone().try_acquire_owned() {
                        Ok(turn) => serve(stream, registered, turn),
                        Err(_) => {
                            has_room = admission.make_room_for(&registered);
                            waiting = Some((stream, registered));
                        }
                    }
                }
                // Who could not make room then may still wait for a request by now, or for its client.
                () = tokio::time::sleep(SECOND_CHANCE), if waiting.is_some() && !has_room => {
                    has_room = waiting.as_ref().is_some_and(|(_, registered)| admission.make_room_for(registered));
                }
                turn = turns.clone().acquire_owned(), if waiting.is_some() => {
                    if let (Ok(turn), Some((stream, registered))) = (turn, waiting.take()) {
                        serve(stream, registered, turn);
                    }
                }
            }
        }
        stopping.store(true, Ordering::Release);
        // What the system has taken for the host already is served, as far as there are turns. In the end only what is there
        // at that moment: new ones may come faster than the last call is over.
        let last_call = Instant::now() + LAST_CALL;
        while let (Ok(turn), wait) =
            (turns.clone().try_acquire_owned(), LAST_ACCEPT.min(last_call.saturating_duration_since(Instant::now())))
            && let Ok(Some((stream, peer))) = tokio::time::timeout(wait, accept(&listener)).await
        {
            if let Some((stream, registered)) = admission.admit(stream, peer) {
                serve(stream, registered, turn);
            }
        }
        drop(listener);
        host.begin_shutdown();
        tasks.close();
        let until = Instant::now() + grace;
        // Requests in flight end on the generations they were admitted to, so these stop first accepting, then serving.
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!("{} connections were still open at the end of the grace period", tasks.len());
        }
        flush_usage(&app, true).await;
        host.shutdown(until.saturating_duration_since(Instant::now())).await;
    }
}

/// Writes now and then what need not be on the disk at once: when tokens were used, and how often somebody was refused.
async fn flush_usage_periodically(app: AppState, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(FLUSH_INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => flush_usage(&app, false).await,
        }
    }
}

async fn flush_usage(app: &AppState, all: bool) {
    app.access.flush_last_used().await;
    audit_context::write_refusals(&app.host, &app.access, all).await;
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            // A client that left again is no reason to wait; a full table of file descriptors is.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                tracing::warn!("failed to accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}
