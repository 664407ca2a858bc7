//! The timer for the deadline of a request's head.
//!
//! hyper creates a sleep for every request and drops it when the head has arrived. Creating and dropping a tokio
//! timer takes a lock each. The sleeps of a connection therefore share one timer: a sleep only stores its deadline,
//! and the timer checks it when it fires and continues if it fired early.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

/// The timer of a connection, for the single sleep that hyper has at a time.
#[derive(Clone, Default)]
pub(crate) struct ConnectionTimer(Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>);

struct SharedSleep {
    timer: ConnectionTimer,
    deadline: Instant,
}

impl Future for SharedSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline.into();
        let mut timer = self.timer.0.lock();
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // A timer with a later deadline would fire too late.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

impl Sleep for SharedSleep {}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(SharedSleep { timer: self.clone(), deadline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleeps_that_share_a_timer_keep_their_own_deadlines() {
        let start = Instant::now();
        let timer = ConnectionTimer::default();
        let mut dropped = timer.sleep_until(start + Duration::from_millis(1));
        assert!(std::future::poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context))).await.is_pending());
        drop(dropped);
        timer.sleep_until(start + Duration::from_millis(20)).await;
        assert!(start.elapsed() >= Duration::from_millis(20));

        let mut late = timer.sleep_until(start + Duration::from_secs(3600));
        assert!(std::future::poll_fn(|context| Poll::Ready(late.as_mut().poll(context))).await.is_pending());
        drop(late);
        timer.sleep_until(Instant::now()).await;
        assert!(start.elapsed() < Duration::from_secs(3600));
    }
}
