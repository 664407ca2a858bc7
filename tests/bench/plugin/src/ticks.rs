//! A stream that gives a number each second, the first at once, by tokio's timer; compiled into the plugin and into
//! what it is compared with.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Interval, interval};

/// Numbers from 1 on, made into events by a function.
pub struct Ticks<F> {
    interval: Interval,
    number: u64,
    event: F,
}

/// The stream of what `event` makes of each number.
pub fn ticks<T, F: FnMut(u64) -> T>(event: F) -> Ticks<F> {
    Ticks { interval: interval(Duration::from_secs(1)), number: 0, event }
}

impl<F: FnMut(u64) -> T + Unpin, T> Stream for Ticks<F> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let ticks = self.get_mut();
        ready!(ticks.interval.poll_tick(context));
        ticks.number += 1;
        Poll::Ready(Some((ticks.event)(ticks.number)))
    }
}
