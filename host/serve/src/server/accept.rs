//! The accept loop, and the shutdown of a server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::access::audit_context;
use crate::connection::admission::Admission;
use crate::connection::registry::{Connections, Registered};
use crate::connection::rules::ReloadableRules;
use crate::server::connection::{ConnectionContext, LAST_CALL, connection};
use crate::server::service::Service;
use crate::server::{Listener, Server};
use crate::state::AppState;

/// Pause after an accept error, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Number of connections beyond the limit that serve health, metrics and management only, so that these can be reached
/// while all other connections are in use.
const RESERVED_CONNECTIONS: usize = 16;
/// Number of times that room is tried to be made before a reserved place is used.
const CHANCES: u32 = 3;
/// Time between marking idle connections and evicting one.
const SECOND_CHANCE: Duration = Duration::from_millis(20);
/// Interval of the periodic flush.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// Interval of the checks of the connections' age.
const AGE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// At shutdown: time to wait for connections that the kernel has already accepted.
const LAST_ACCEPT: Duration = Duration::from_millis(20);

impl Server {
    /// Serves until `shutdown`, then stops accepting connections, waits at most `grace` for active requests, and ends
    /// the generations.
    pub async fn run(self, shutdown: CancellationToken, grace: Duration) {
        let Server { listener: Listener { socket: listener, .. }, app, tls, config, .. } = self;
        let host = app.host.clone();
        let mut pulses = self.pulses.1;
        let turns = Arc::new(Semaphore::new(config.max_connections));
        let reserved = Arc::new(Semaphore::new(RESERVED_CONNECTIONS));
        let tasks = app.tasks.clone();
        let admission = Admission {
            all: Arc::default(),
            rules: app.rules.clone(),
            request_ids: app.request_ids.clone(),
            metrics: host.front_metrics().clone(),
            is_plain: tls.is_none(),
        };
        tasks.spawn(flush_usage_periodically(app.clone(), shutdown.clone()));
        tasks.spawn(retire_old_connections(admission.all.clone(), app.rules.clone(), shutdown.clone()));
        let context = ConnectionContext {
            service: Service::new(app.clone()),
            tls,
            header_timeout: config.header_timeout,
            tasks: tasks.clone(),
        };
        let serve = |stream: TcpStream, registered: Registered, turn: OwnedSemaphorePermit| {
            let context = context.clone();
            let there = host.front_metrics().connection();
            tasks.spawn(async move {
                let _there = there;
                connection(stream, registered, context).await;
                drop(turn);
            });
        };
        // A connection accepted while every slot was in use, and whether an idle connection has been told to close
        // for it.
        let mut waiting = None;
        let mut has_room = false;
        // How often no room could be made in a row; it stays high while all connections are busy.
        let mut n_failed = 0;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(answer) = pulses.recv() => {
                    // The requester may be gone.
                    let _ = answer.send(());
                }
                accepted = accept(&listener), if waiting.is_none() => {
                    let Some((stream, registered)) = accepted.and_then(|(stream, peer)| admission.admit(stream, peer))
                    else { continue };
                    match turns.clone().try_acquire_owned() {
                        Ok(turn) => {
                            n_failed = 0;
                            serve(stream, registered, turn);
                        }
                        Err(_) => {
                            has_room = admission.make_room_for(&registered, false);
                            waiting = Some((stream, registered));
                        }
                    }
                }
                // No connection could be evicted a moment ago; try again, since one may have become idle since.
                () = tokio::time::sleep(SECOND_CHANCE), if waiting.is_some() && !has_room => {
                    let Some((_, registered)) = &waiting else { continue };
                    has_room = admission.make_room_for(registered, false);
                    n_failed = if has_room { 0 } else { n_failed + 1 };
                    if n_failed >= CHANCES && reserved.available_permits() == 0 {
                        admission.make_room_for(registered, true);
                    }
                }
                turn = turns.clone().acquire_owned(), if waiting.is_some() => {
                    if let (Ok(turn), Some((stream, registered))) = (turn, waiting.take()) {
                        n_failed = 0;
                        serve(stream, registered, turn);
                    }
                }
                turn = reserved.clone().acquire_owned(), if waiting.is_some() && !has_room && n_failed >= CHANCES => {
                    if let (Ok(turn), Some((stream, registered))) = (turn, waiting.take()) {
                        registered.connection.reserve();
                        serve(stream, registered, turn);
                    }
                }
            }
        }
        app.shutdown.cancel();
        admission.all.retire_all();
        // Connections that the kernel has already accepted are served while slots are free. After the last call only
        // connections queued at that moment are served, since new ones may arrive faster.
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
        // Active requests finish on the generations that admitted them. These stop accepting calls first, then end.
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!("{} connections were still open at the end of the grace period", tasks.len());
        }
        flush_usage(&app, true).await;
        host.shutdown(until.saturating_duration_since(Instant::now())).await;
    }
}

/// Retires the connections that reach the maximum age.
async fn retire_old_connections(all: Arc<Connections>, rules: ReloadableRules, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(AGE_CHECK_INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let max_age = rules.load().rules.max_connection_age;
        if !max_age.is_zero()
            && let Some(accepted) = Instant::now().checked_sub(max_age)
        {
            all.retire_older_than(accepted);
        }
    }
}

/// Periodically flushes data that may be lost in a crash: last-used times of tokens, and summaries of rejections.
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
            // Too many open files are a reason to pause, an aborted connection is not.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                tracing::warn!("failed to accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None
        }
    }
}
