//! The single writer of the database, and how changes share a commit.
//!
//! SQLite allows one writer at a time. Changes therefore queue here, in order, instead of competing for a lock that
//! some would fail to get. All changes waiting when the disk is free share one transaction and its cost; each has a
//! savepoint, so a failed change does not affect the others. A change continues if its caller stops waiting: a dropped
//! future never leaves a transaction open.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use crate::Error;

/// The maximum number of waiting changes; further callers wait for a place.
const QUEUE: usize = 256;
/// The maximum number of changes in one transaction, so that the first does not wait long for its result.
const BATCH: usize = 64;

/// A handle that sends changes to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
}

enum Message {
    Change(Box<dyn Change>),
    Close(oneshot::Sender<()>),
}

/// One change. The trait hides its types, so that one queue holds all changes.
trait Change: Send {
    /// Makes the change within a transaction and keeps the result. An error means that the change must be undone.
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, Result<(), ()>>;
    /// Passes on the result after the commit, or the reason why the transaction was not committed.
    fn finish(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>);
}

struct Typed<T, F> {
    work: Option<F>,
    result: Option<Result<T, Error>>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Change for Typed<T, F>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
{
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, Result<(), ()>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Err(()) };
            let result = work(connection).await;
            let done = result.as_ref().map(|_| ()).map_err(|_| ());
            self.result = Some(result);
            done
        })
    }

    fn finish(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>) {
        let result = match (committed, self.result) {
            // A refused change stays refused, whether or not the others are written.
            (_, Some(Err(refused))) => Err(refused),
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(Error::Closed),
            (Err(source), _) => Err(Error::sql("write to the state database", source)),
        };
        // The caller may have stopped waiting.
        let _ = self.answer.send(result);
    }
}

impl Writer {
    /// Starts the writer on the runtime of the caller. It ends with the last handle, or at [`Writer::close`].
    pub(crate) fn start(connection: SqliteConnection) -> Writer {
        let (queue, waiting) = mpsc::channel(QUEUE);
        #[expect(clippy::disallowed_methods, reason = "it ends with the last handle; `close` waits for it")]
        tokio::spawn(write(connection, waiting));
        Writer { queue }
    }

    /// Makes a change and returns when it is committed.
    pub(crate) async fn change<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let change = Typed { work: Some(work), result: None, answer };
        self.queue.send(Message::Change(Box::new(change))).await.map_err(|_| Error::Closed)?;
        result.await.unwrap_or(Err(Error::Closed))
    }

    /// Commits the waiting changes, then ends the writer.
    pub(crate) async fn close(&self) {
        let (ended, end) = oneshot::channel();
        if self.queue.send(Message::Close(ended)).await.is_ok() {
            let _ = end.await;
        }
    }
}

async fn write(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Message>) {
    let mut closing = None;
    while closing.is_none() {
        let first = match waiting.recv().await {
            Some(Message::Change(change)) => change,
            Some(Message::Close(ended)) => {
                closing = Some(ended);
                break;
            }
            None => break,
        };
        let mut batch = vec![first];
        let committed = commit(&mut connection, &mut batch, &mut waiting, &mut closing).await.map_err(Arc::new);
        if committed.is_err() {
            // SQLite ends some failed transactions itself; then there is nothing to roll back.
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
        }
        for change in batch {
            change.finish(committed.clone());
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the state database was not closed cleanly; acknowledged changes are not lost");
    }
    if let Some(ended) = closing {
        let _ = ended.send(());
    }
}

/// Runs `batch` and the other waiting changes in one transaction.
async fn commit(
    connection: &mut SqliteConnection,
    batch: &mut Vec<Box<dyn Change>>,
    waiting: &mut mpsc::Receiver<Message>,
    closing: &mut Option<oneshot::Sender<()>>,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let mut next = 0;
    loop {
        while let Some(change) = batch.get_mut(next) {
            sqlx::query("SAVEPOINT change").execute(&mut *connection).await?;
            if change.run(connection).await.is_err() {
                sqlx::query("ROLLBACK TO change").execute(&mut *connection).await?;
            }
            sqlx::query("RELEASE change").execute(&mut *connection).await?;
            next += 1;
        }
        if batch.len() >= BATCH {
            break;
        }
        match waiting.try_recv() {
            Ok(Message::Change(change)) => batch.push(change),
            Ok(Message::Close(ended)) => {
                *closing = Some(ended);
                break;
            }
            Err(_) => break,
        }
    }
    host_fail::point("state.written");
    sqlx::query("COMMIT").execute(connection).await?;
    host_fail::point("state.committed");
    Ok(())
}
