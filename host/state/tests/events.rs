//! The journal: in order, bounded, and never showing what was not written.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::sync::Arc;

use host_core::event::{Event, EventFilter, EventKind};
use host_state::{EventPage, FILE_NAME, State};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

fn event(seq: u64, plugin: Option<&str>) -> Arc<Event> {
    let kind = match seq % 2 {
        0 => EventKind::CircuitClosed { generation: seq },
        _ => EventKind::JobQueued { operation: "load".into(), subject: "x".repeat(200).into() },
    };
    let plugin = plugin.map(|plugin| plugin.parse().unwrap());
    Arc::new(Event {
        seq,
        at_unix_ms: 1_000 * seq,
        plugin,
        job: seq.is_multiple_of(3).then(|| "job_1".to_owned()),
        kind,
    })
}

fn events(seqs: impl IntoIterator<Item = u64>) -> Vec<Arc<Event>> {
    seqs.into_iter().map(|seq| event(seq, None)).collect()
}

fn seqs(page: &EventPage) -> Vec<u64> {
    page.events.iter().map(|event| event.seq).collect()
}

async fn open() -> (TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    (folder, state)
}

async fn run(folder: &TempDir, sql: &str) -> u64 {
    let options = SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let done = sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    done.rows_affected()
}

#[tokio::test]
async fn events_are_read_in_order_and_in_parts_after_a_restart_too() {
    let (folder, state) = open().await;
    assert_eq!(state.newest_event_seq().await.unwrap(), 0);
    let empty = state.events_after(0, &EventFilter::default(), 10).await.unwrap();
    assert_eq!(empty, EventPage { is_last: true, ..EventPage::default() });
    state.append_events(&events(1..=3), 100).await.unwrap();
    state.append_events(&events(4..=5), 100).await.unwrap();
    state.append_events(&[], 100).await.unwrap();
    state.close().await;

    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.newest_event_seq().await.unwrap(), 5);
    let all = state.events_after(0, &EventFilter::default(), 10).await.unwrap();
    let written = events(1..=5).iter().map(|event| (**event).clone()).collect();
    assert_eq!(all, EventPage { events: written, last: Some(5), is_last: true, oldest: Some(1), damaged: 0 });
    let part = state.events_after(2, &EventFilter::default(), 2).await.unwrap();
    assert_eq!((seqs(&part), part.last, part.is_last), (vec![3, 4], Some(4), false));
    let newest = state.newest_events(&EventFilter::default(), 2).await.unwrap();
    assert_eq!((seqs(&newest), newest.last, newest.is_last), (vec![4, 5], Some(5), false));
}

#[tokio::test]
async fn a_filter_leaves_out_other_plugins_and_kinds() {
    let (_folder, state) = open().await;
    let plugins = [None, Some("one"), Some("two")];
    let all = (1..=12).map(|seq| event(seq, plugins[seq as usize % 3])).collect::<Vec<_>>();
    state.append_events(&all, 100).await.unwrap();
    let kinds = "circuit,job.step".parse().unwrap();
    let filter = EventFilter { plugin: Some("one".parse().unwrap()), kinds };
    let expected: Vec<u64> = all.iter().filter(|event| filter.takes(event)).map(|event| event.seq).collect();
    assert_eq!(expected, [4, 10]);
    assert_eq!(seqs(&state.events_after(0, &filter, 10).await.unwrap()), expected);
    assert_eq!(seqs(&state.newest_events(&filter, 1).await.unwrap()), [10]);
    let nobody = EventFilter { plugin: Some("nobody".parse().unwrap()), ..EventFilter::default() };
    let page = state.events_after(0, &nobody, 10).await.unwrap();
    assert_eq!((page.events.len(), page.last, page.oldest), (0, None, Some(1)));
}

#[tokio::test]
async fn the_journal_stays_bounded() {
    let (folder, state) = open().await;
    let mut largest = 0;
    for from in (1..2_000).step_by(7) {
        state.append_events(&events(from..from + 7), 100).await.unwrap();
        let page = state.events_after(0, &EventFilter::default(), 1_000).await.unwrap();
        largest = largest.max(page.events.len());
        let newest = from + 6;
        let kept = page.events.len() as u64;
        assert_eq!(seqs(&page), (newest - kept + 1..=newest).collect::<Vec<_>>(), "the newest stay, without a hole");
        assert!(kept >= newest.min(90), "{kept} of {newest}");
    }
    assert!(largest <= 100, "{largest}");
    // Numbers that are missing do not count.
    state.append_events(&events((10_000..20_000).step_by(100)), 100).await.unwrap();
    assert_eq!(seqs(&state.events_after(0, &EventFilter::default(), 1_000).await.unwrap()).len(), 90);
    state.close().await;
    let bytes = folder.path().join(FILE_NAME).metadata().unwrap().len();
    assert!(bytes < 200_000, "{bytes}");
}

#[tokio::test]
async fn a_damaged_event_is_left_out_and_counted() {
    for damage in [
        "detail = replace(detail, '4', '5')",
        "kind = 'circuit.opened'",
        "plugin = 'two'",
        "plugin = NULL",
        "job = ''",
        "job = 'job_1'",
        "at_unix_ms = at_unix_ms + 1",
        "checksum = replace(checksum, substr(checksum, 1, 1), 'g')",
        "detail = CAST(X'7bff7d' AS TEXT)",
        "detail = ''",
        "at_unix_ms = 'soon'",
    ] {
        let (folder, state) = open().await;
        let all = (1..=6).map(|seq| event(seq, Some("one"))).collect::<Vec<_>>();
        state.append_events(&all, 100).await.unwrap();
        assert_eq!(run(&folder, &format!("UPDATE events SET {damage} WHERE seq = 4")).await, 1);
        let page = state.events_after(0, &EventFilter::default(), 10).await.unwrap();
        assert_eq!((seqs(&page), page.damaged, page.last), (vec![1, 2, 3, 5, 6], 1, Some(6)), "{damage}");
        let page = state.events_after(3, &EventFilter::default(), 1).await.unwrap();
        assert_eq!((seqs(&page), page.damaged, page.last), (vec![], 1, Some(4)), "a reader gets past it: {damage}");
        assert_eq!(state.newest_event_seq().await.unwrap(), 6);
    }
}

#[tokio::test]
async fn a_bit_that_flips_in_a_file_is_noticed() {
    let (folder, state) = open().await;
    state.append_events(&events(1..=200), 1_000).await.unwrap();
    state.close().await;
    let path = folder.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(40).rposition(|part| part == [b'x'; 40]).unwrap();
    bytes[at + 20] ^= 1;
    #[expect(clippy::disallowed_methods, reason = "the file is damaged on purpose")]
    std::fs::write(&path, bytes).unwrap();
    let state = State::open(folder.path()).await.unwrap();
    let page = state.events_after(0, &EventFilter::default(), 1_000).await.unwrap();
    assert_eq!((page.events.len(), page.damaged), (199, 1));
}

#[tokio::test]
async fn a_damaged_number_does_not_lead_the_next_ones_astray() {
    let (folder, state) = open().await;
    state.append_events(&events(1..=5), 100).await.unwrap();
    run(&folder, "UPDATE events SET seq = seq + 1152921504606846976 WHERE seq = 3").await;
    assert_eq!(state.newest_event_seq().await.unwrap(), 5);
    state.append_events(&events(6..=200), 100).await.unwrap();
    let newest = state.newest_events(&EventFilter::default(), 1).await.unwrap();
    assert_eq!(seqs(&newest), [200]);
    let page = state.events_after(199, &EventFilter::default(), 10).await.unwrap();
    assert_eq!((seqs(&page), page.last, page.is_last), (vec![200], Some(200), true));
}
