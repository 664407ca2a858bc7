//! Repeated checks for updates.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::schedule::Schedule;
use crate::model::{Error, UpdateReport, Watched};

/// The maximum number of concurrent checks.
const MAX_AT_ONCE: usize = 2;

/// A clock that starts at the system time and then advances evenly, whatever the system clock does.
struct Clock {
    start: Instant,
    start_unix_ms: u64,
}

impl Clock {
    fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.start_unix_ms.saturating_add(elapsed)
    }

    async fn reached(&self, at_ms: u64) {
        tokio::time::sleep_until(self.start + Duration::from_millis(at_ms.saturating_sub(self.start_unix_ms))).await;
    }
}

/// Checks the watched plugins, each at its interval. Dropping the future ends the running checks.
pub(super) async fn poll<W, WF, C, CF, T, TF>(
    changed: &Notify,
    now_unix_ms: u64,
    watched: &W,
    check: &C,
    tell: &T,
) -> Infallible
where
    W: Fn() -> WF,
    WF: Future<Output = Vec<Watched>>,
    C: Fn(Watched) -> CF,
    CF: Future<Output = Result<UpdateReport, Error>>,
    T: Fn(Watched, UpdateReport) -> TF,
    TF: Future<Output = ()>,
{
    let clock = Clock { start: Instant::now(), start_unix_ms: now_unix_ms };
    let mut schedule = Schedule::new(RandomState::new().hash_one(now_unix_ms));
    let mut looks = FuturesUnordered::new();
    loop {
        schedule.follow(watched().await, clock.now_ms());
        while looks.len() < MAX_AT_ONCE
            && let Some(due) = schedule.take_due(clock.now_ms())
        {
            looks.push(async move {
                let checked = check(due.clone()).await;
                (due.id.clone(), settle(due, checked, tell).await)
            });
        }
        let next_due_ms = schedule.next_due_ms().filter(|_| looks.len() < MAX_AT_ONCE);
        tokio::select! {
            Some((id, failed)) = looks.next() => schedule.ended(&id, failed, clock.now_ms()),
            () = clock.reached(next_due_ms.unwrap_or(0)), if next_due_ms.is_some() => {}
            () = changed.notified() => {}
        }
    }
}

/// Passes the report of a check on. Returns whether the check failed.
async fn settle<T, TF>(watched: Watched, checked: Result<UpdateReport, Error>, tell: &T) -> bool
where
    T: Fn(Watched, UpdateReport) -> TF,
    TF: Future<Output = ()>,
{
    let id = watched.id.clone();
    match checked {
        Ok(report) => {
            let failed = report.error.is_some();
            if let Some(error) = &report.error {
                let code = error.code;
                let message = &error.message;
                tracing::warn!(plugin.id = %id, code, "failed to check `{id}` for updates: {message}");
            }
            tell(watched, report).await;
            failed
        }
        Err(Error::ShuttingDown) => false,
        Err(error) => {
            let code = error.code();
            let message = error.chain();
            tracing::error!(plugin.id = %id, code, "failed to check `{id}` for updates: {message}");
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use host_core::update::parse_duration;

    use tokio_util::sync::CancellationToken;

    use super::super::schedule::tests::watched;
    use super::*;
    use crate::model::{UpdateFailure, UpdateReport};
    use crate::state::Poller;

    /// The world of a poller, in simulated time.
    struct World {
        start: Instant,
        changed: Notify,
        watched: RefCell<Vec<Watched>>,
        /// The duration of a check.
        takes: Duration,
        fails: Cell<bool>,
        running: Cell<usize>,
        most_running: Cell<usize>,
        /// The reported plugins, each with the second of its report.
        reported: RefCell<Vec<(String, u64)>>,
    }

    /// A running check.
    struct Running<'w>(&'w World);

    impl<'w> Running<'w> {
        fn enter(world: &'w World) -> Running<'w> {
            world.running.set(world.running.get() + 1);
            world.most_running.set(world.most_running.get().max(world.running.get()));
            Running(world)
        }
    }

    impl Drop for Running<'_> {
        fn drop(&mut self) {
            self.0.running.set(self.0.running.get() - 1);
        }
    }

    impl World {
        fn new(watched: Vec<Watched>, takes: &str) -> World {
            World {
                start: Instant::now(),
                changed: Notify::new(),
                watched: RefCell::new(watched),
                takes: parse_duration(takes).unwrap(),
                fails: Cell::new(false),
                running: Cell::new(0),
                most_running: Cell::new(0),
                reported: RefCell::default(),
            }
        }

        /// Lets the poller run until `time` after the start.
        async fn until(&self, time: &str, poll: &mut (impl Future<Output = Infallible> + Unpin)) {
            let end = tokio::time::sleep_until(self.start + parse_duration(time).unwrap());
            tokio::select! {
                biased;
                never = poll => match never {},
                () = end => {}
            }
        }

        async fn poll(&self) -> Infallible {
            let check = async |watched: Watched| {
                let _running = Running::enter(self);
                tokio::time::sleep(self.takes).await;
                let report = UpdateReport::empty(&watched.installed, None);
                let failure = UpdateFailure { code: "fetch_http_status", message: "503".to_owned(), fix: None };
                Ok(UpdateReport { error: self.fails.get().then_some(failure), ..report })
            };
            let tell = async |watched: Watched, _| {
                let second = self.start.elapsed().as_secs();
                self.reported.borrow_mut().push((watched.id.to_string(), second));
            };
            poll(&self.changed, 1_800_000_000_000, &async || self.watched.borrow().clone(), &check, &tell).await
        }

        /// The seconds at which a plugin was reported.
        fn reported(&self, id: &str) -> Vec<u64> {
            self.reported.borrow().iter().filter(|(reported, _)| reported == id).map(|(_, second)| *second).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_plugin_is_checked_at_its_interval() {
        let world = World::new(vec![watched("often", "1m"), watched("seldom", "24h")], "1s");
        world.until("24h", &mut Box::pin(world.poll())).await;
        let often = world.reported("often");
        // Every 54 to 66 s, and each check takes a second.
        assert!((1440 * 60 / 67..=1440 * 60 / 55 + 1).contains(&often.len()), "{}", often.len());
        assert!(often[0] <= 7, "{often:?}");
        assert!(often.windows(2).all(|pair| (55..=68).contains(&(pair[1] - pair[0]))), "{often:?}");
        assert!(
            matches!(world.reported("seldom")[..], [first] | [first, _] if first <= 61),
            "{:?}",
            world.reported("seldom")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_two_checks_run_concurrently() {
        let all: Vec<_> = (0..20).map(|n| watched(&format!("plugin-{n}"), "1h")).collect();
        let world = World::new(all, "30s");
        world.until("10m", &mut Box::pin(world.poll())).await;
        assert_eq!((world.reported.borrow().len(), world.most_running.get()), (20, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_double_the_interval_until_a_success() {
        let world = World::new(vec![watched("hello", "1m")], "0s");
        world.fails.set(true);
        let mut poll = Box::pin(world.poll());
        world.until("24h", &mut poll).await;
        let reported = world.reported("hello");
        // After 2, 4, 8 … 256 minutes, and then every six hours.
        assert!((10..=13).contains(&reported.len()), "{reported:?}");
        world.fails.set(false);
        world.until("31h", &mut poll).await;
        let reported = world.reported("hello");
        assert!(reported.windows(2).rev().take(3).all(|pair| pair[1] - pair[0] <= 67), "{reported:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_woken_poller_checks_added_plugins_and_drops_removed_ones() {
        let world = World::new(vec![watched("hello", "1h")], "1s");
        let mut poll = Box::pin(world.poll());
        world.until("10m", &mut poll).await;
        *world.watched.borrow_mut() = vec![watched("other", "1h")];
        world.changed.notify_one();
        world.until("3h", &mut poll).await;
        assert_eq!(world.reported("hello").len(), 1);
        let other = world.reported("other");
        assert!((600..=661).contains(&other[0]), "{other:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_poller_without_plugins_sleeps() {
        let world = World::new(vec![], "1s");
        world.until("720h", &mut Box::pin(world.poll())).await;
        assert_eq!(world.reported.borrow().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_a_poller_ends_its_checks() {
        let world = World::new(vec![watched("hello", "1h")], "10h");
        let mut poll = Box::pin(world.poll());
        world.until("2m", &mut poll).await;
        assert_eq!((world.running.get(), world.reported.borrow().len()), (1, 0));
        drop(poll);
        assert_eq!((world.running.get(), world.reported.borrow().len()), (0, 0));

        let (poller, _changed, ended) = Poller::new(CancellationToken::new());
        assert!(!ended.is_cancelled());
        drop(poller);
        assert!(ended.is_cancelled());
    }
}
