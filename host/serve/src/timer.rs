//! The timer behind the deadline for a request's head.
//!
//! hyper sets that deadline anew for every request. Moving a timer of tokio takes a lock each time, so the deadline is
//! only written down here; the timer that was set first looks at it when it goes off, and goes on if it is early.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// Makes sleeps whose deadline is cheap to move later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LazyTimer;

struct LazySleep {
    timer: Pin<Box<tokio::time::Sleep>>,
    deadline: Instant,
}

impl LazySleep {
    fn until(deadline: Instant) -> LazySleep {
        LazySleep { timer: Box::pin(tokio::time::sleep_until(deadline.into())), deadline }
    }
}

impl Future for LazySleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            let deadline = self.deadline.into();
            self.timer.as_mut().reset(deadline);
        }
    }
}

impl Sleep for LazySleep {}

impl Timer for LazyTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(LazySleep::until(deadline))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<LazySleep>() {
            // Earlier than the timer goes off would be missed; later is what every request does.
            Some(mut lazy) if deadline >= lazy.deadline => lazy.deadline = deadline,
            _ => *sleep = self.sleep_until(deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_that_was_moved_is_kept() {
        let start = Instant::now();
        let mut sleep = LazyTimer.sleep_until(start + Duration::from_millis(1));
        LazyTimer.reset(&mut sleep, start + Duration::from_millis(20));
        sleep.await;
        assert!(start.elapsed() >= Duration::from_millis(20));

        let mut sleep = LazyTimer.sleep_until(start + Duration::from_secs(3600));
        LazyTimer.reset(&mut sleep, Instant::now());
        sleep.await;
    }
}
