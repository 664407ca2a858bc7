use std::collections::BTreeSet;

use host_core::event::EventFilter;
use prometheus::Registry;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::events::{EventGap, EventStream, Events, Followed};
use crate::metrics::EventMetrics;

struct Journal {
    folder: TempDir,
    state: State,
    events: Events,
}

impl Journal {
    async fn open(folder: TempDir, max_kept: u64) -> Journal {
        let state = State::open(folder.path()).await.unwrap();
        let events = Events::new(state.clone(), max_kept, EventMetrics::new(&Registry::new()));
        Journal { folder, state, events }
    }

    async fn start(max_kept: u64) -> Journal {
        let journal = Journal::open(tempfile::tempdir().unwrap(), max_kept).await;
        journal.events.start();
        journal
    }

    fn publish(&self, generations: impl IntoIterator<Item = u64>) {
        for generation in generations {
            self.events.publish(None, None, EventKind::CircuitClosed { generation });
        }
    }

    async fn follow(&self, after: Option<u64>) -> EventStream {
        self.events.follow(after, EventFilter::default()).await.unwrap()
    }

    /// Waits until the event of that number was written.
    async fn written(&self, seq: u64) {
        self.events.0.now.subscribe().wait_for(|now| now.newest >= Some(seq)).await.unwrap();
    }

    /// Closes the journal and opens it again.
    async fn restart(self) -> Journal {
        self.events.close().await;
        self.state.close().await;
        let journal = Journal::open(self.folder, self.events.0.max_kept).await;
        journal.events.start();
        journal
    }
}

/// The numbers of the next events, up to `until`; a gap is an error.
async fn numbers(stream: &mut EventStream, until: u64) -> Result<Vec<u64>, EventGap> {
    let mut numbers = vec![];
    while numbers.last() < Some(&until) {
        match stream.next().await.expect("the host does not stop") {
            Followed::Events(events) => numbers.extend(events.iter().map(|event| event.seq)),
            Followed::Gap(gap) => return Err(gap),
        }
    }
    Ok(numbers)
}

#[tokio::test]
async fn numbers_and_readers_continue_after_a_restart() {
    let journal = Journal::start(100).await;
    let mut stream = journal.follow(None).await;
    journal.publish([1, 2]);
    assert_eq!(numbers(&mut stream, 2).await, Ok(vec![1, 2]));
    journal.publish(3..=5);
    let journal = journal.restart().await;
    assert_eq!(stream.next().await.map(|_| ()), Some(()), "what was written before the end is shown");
    assert_eq!(stream.next().await, None, "and then the stream ends");
    let mut stream = journal.follow(Some(2)).await;
    journal.publish([6]);
    assert_eq!(numbers(&mut stream, 6).await, Ok(vec![3, 4, 5, 6]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_each_event_exactly_once_from_any_start() {
    let journal = Arc::new(Journal::start(100_000).await);
    const EACH: u64 = 700;
    const WRITERS: u64 = 4;
    let all = EACH * WRITERS;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let journal = journal.clone();
        writers.spawn(async move {
            for n in 0..EACH {
                journal.publish([writer * EACH + n]);
                tokio::task::yield_now().await;
            }
        });
    }
    let mut readers = JoinSet::new();
    for begin in [0, 1, 50, 300, 1_024, 1_500, 2_000] {
        let journal = journal.clone();
        readers.spawn(async move {
            journal.written(begin).await;
            // More events exist already where the reader starts, in memory or only in the journal.
            let mut stream = journal.follow(Some(begin / 2)).await;
            (begin / 2, numbers(&mut stream, all).await)
        });
    }
    while let Some(read) = readers.join_next().await {
        let (after, numbers) = read.unwrap();
        assert_eq!(numbers, Ok((after + 1..=all).collect()), "after {after}");
    }
    writers.join_all().await;
    let page = journal.state.events_after(0, &EventFilter::default(), 10_000).await.unwrap();
    let generations = page.events.iter().map(|event| match event.kind {
        EventKind::CircuitClosed { generation } => generation,
        _ => panic!("another kind"),
    });
    assert_eq!(generations.collect::<BTreeSet<_>>().len() as u64, all, "each was published once");
}

#[tokio::test]
async fn a_slow_reader_catches_up_from_the_journal() {
    let journal = Journal::start(100_000).await;
    let mut slow = journal.follow(Some(0)).await;
    let mut quick = journal.follow(Some(0)).await;
    let all = 3 * MAX_RECENT as u64;
    for n in 1..=all / 64 {
        journal.publish(0..64);
        assert_eq!(numbers(&mut quick, n * 64).await.unwrap().len(), 64);
    }
    assert_eq!(journal.events.0.recent.lock().len(), MAX_RECENT, "what is in memory is bounded");
    assert_eq!(numbers(&mut slow, all).await, Ok((1..=all).collect()));
}

#[tokio::test]
async fn a_reader_of_removed_events_gets_a_gap() {
    let journal = Journal::start(100).await;
    let mut slow = journal.follow(Some(0)).await;
    journal.publish(0..3_000);
    journal.written(3_000).await;
    let page = journal.state.newest_events(&EventFilter::default(), 1_000).await.unwrap();
    assert_eq!(page.oldest, Some(3_001 - page.events.len() as u64));
    // The memory holds more events than this journal.
    let from = 3_001 - MAX_RECENT as u64;
    assert_eq!(numbers(&mut slow, 3_000).await, Err(EventGap { after: 0, from }));
    assert_eq!(numbers(&mut slow, 3_000).await, Ok((from..=3_000).collect()));

    let journal = journal.restart().await;
    let from = page.oldest.unwrap();
    let mut late = journal.follow(Some(7)).await;
    assert_eq!(numbers(&mut late, 3_000).await, Err(EventGap { after: 7, from }));
    assert_eq!(numbers(&mut late, 3_000).await, Ok((from..=3_000).collect()));
    let mut stranger = journal.follow(Some(9_999)).await;
    journal.publish([0]);
    assert_eq!(numbers(&mut stranger, 3_001).await, Err(EventGap { after: 9_999, from: 3_001 }));
    assert_eq!(numbers(&mut stranger, 3_001).await, Ok(vec![3_001]));
}

#[tokio::test]
async fn a_filter_applies_to_memory_and_journal() {
    let journal = Journal::start(10_000).await;
    let plugin = |id: &str| Some(id.parse::<PluginId>().unwrap());
    let publish = |count| {
        for n in 0..count {
            journal.events.publish(
                plugin(["one", "two"][n % 2]).as_ref(),
                Some("job_1"),
                EventKind::HostReady { serving: 0, took: Duration::ZERO },
            );
        }
    };
    let filter = EventFilter { plugin: plugin("two"), kinds: "host.ready".parse().unwrap() };
    let none = EventFilter { plugin: plugin("two"), kinds: "job".parse().unwrap() };
    let mut early = journal.events.follow(None, filter.clone()).await.unwrap();
    publish(2_000);
    journal.written(2_000).await;
    let mut late = journal.events.follow(Some(0), filter).await.unwrap();
    let even = (1..=1_000).map(|n| 2 * n).collect::<Vec<_>>();
    assert_eq!(numbers(&mut early, 2_000).await, Ok(even.clone()));
    assert_eq!(numbers(&mut late, 2_000).await, Ok(even));

    let mut nothing = journal.events.follow(Some(0), none).await.unwrap();
    journal.events.publish(None, None, EventKind::HostStopping);
    assert_eq!(nothing.next().await, None, "the end is seen through any filter");
}

#[tokio::test]
async fn streams_end_with_the_event_of_the_stop() {
    let journal = Journal::start(100).await;
    let mut stream = journal.follow(Some(0)).await;
    journal.publish([1]);
    journal.events.publish(None, None, EventKind::HostStopping);
    journal.publish([3]);
    journal.written(3).await;
    assert_eq!(numbers(&mut stream, 2).await, Ok(vec![1, 2]));
    assert_eq!(stream.next().await, None);
    assert_eq!(journal.follow(Some(0)).await.next().await.map(|_| ()), Some(()));
    assert_eq!(journal.follow(None).await.next().await, None);
    let journal = journal.restart().await;
    assert_eq!(numbers(&mut journal.follow(Some(0)).await, 3).await, Ok(vec![1, 2, 3]), "the journal has all");
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_the_oldest_events() {
    let journal = Journal::open(tempfile::tempdir().unwrap(), 10_000).await;
    let lost = 17;
    journal.publish(0..MAX_WAITING as u64 + lost);
    assert_eq!(journal.events.0.metrics.dropped.get(), lost);
    journal.events.start();
    let mut stream = journal.follow(Some(0)).await;
    let Some(Followed::Events(events)) = stream.next().await else { panic!("no events") };
    assert_eq!((events[0].seq, &events[0].kind), (1, &EventKind::CircuitClosed { generation: lost }));
}

#[tokio::test]
async fn unwritten_events_are_shown_nevertheless() {
    let journal = Journal::start(100).await;
    let mut stream = journal.follow(None).await;
    journal.publish([1]);
    assert_eq!(numbers(&mut stream, 1).await, Ok(vec![1]));
    journal.state.close().await;
    journal.publish([2, 3]);
    assert_eq!(numbers(&mut stream, 3).await, Ok(vec![2, 3]));
    assert_eq!(journal.events.0.metrics.dropped.get(), 2);
}

#[tokio::test]
async fn the_number_of_readers_is_limited() {
    let journal = Journal::start(100).await;
    let mut streams = vec![];
    for _ in 0..MAX_STREAMS {
        streams.push(journal.follow(None).await);
    }
    assert!(journal.events.follow(None, EventFilter::default()).await.is_none());
    assert_eq!(journal.events.0.metrics.streams.get(), MAX_STREAMS as i64);
    streams.pop();
    journal.follow(None).await;
    drop(streams);
    assert_eq!(journal.events.0.metrics.streams.get(), 0);
}
