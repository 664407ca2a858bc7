//! What a plugin may rely on in the key-value store, on a real file.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use host_core::PluginId;
use host_state::{Condition, Error, Found, Kv, Limits, Page, Quota, State, StoredData};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
    state: State,
}

impl Place {
    async fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).await.unwrap();
        Place { folder, state }
    }

    fn kv(&self) -> Kv {
        self.state.kv(Limits::default())
    }

    fn kv_with(&self, change: impl FnOnce(&mut Limits)) -> Kv {
        let mut limits = Limits::default();
        change(&mut limits);
        self.state.kv(limits)
    }
}

fn plugin(id: &str) -> PluginId {
    id.parse().unwrap()
}

async fn keys(kv: &Kv, prefix: &str, after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
    let Page { keys, more } = kv.list(&plugin("one"), prefix, after, limit).await.unwrap();
    (keys.into_iter().map(|listed| listed.key).collect(), more)
}

#[tokio::test]
async fn a_value_is_readable_until_it_is_deleted() {
    let place = Place::new().await;
    let (kv, one) = (place.kv(), plugin("one"));
    assert_eq!(kv.get(&one, "a").await.unwrap(), None);
    let version = kv.put(&one, "a", b"\0\xff".to_vec(), Condition::Always).await.unwrap();
    let entry = kv.get(&one, "a").await.unwrap().unwrap();
    assert_eq!((entry.value.as_slice(), entry.version), (&b"\0\xff"[..], version));
    assert_eq!(kv.get(&plugin("two"), "a").await.unwrap(), None, "another plugin's keys are its own");
    assert!(kv.delete(&one, "a", None).await.unwrap());
    assert!(!kv.delete(&one, "a", None).await.unwrap());
    assert_eq!(kv.get(&one, "a").await.unwrap(), None);
}

#[tokio::test]
async fn it_is_still_there_when_the_file_is_opened_again() {
    let place = Place::new().await;
    let version = place.kv().put(&plugin("one"), "a", b"x".to_vec(), Condition::Always).await.unwrap();
    place.state.close().await;
    assert!(matches!(place.kv().put(&plugin("one"), "b", vec![], Condition::Always).await, Err(Error::Closed)));
    assert!(matches!(place.kv().get(&plugin("one"), "a").await, Err(Error::Closed)));
    let state = State::open(place.folder.path()).await.unwrap();
    let entry = state.kv(Limits::default()).get(&plugin("one"), "a").await.unwrap().unwrap();
    assert_eq!((entry.value.as_slice(), entry.version), (&b"x"[..], version));
}

#[tokio::test]
async fn a_condition_decides_whether_a_value_is_put() {
    let place = Place::new().await;
    let (kv, one) = (place.kv(), plugin("one"));
    let put = |key: &'static str, condition| {
        let (kv, one) = (kv.clone(), one.clone());
        async move { kv.put(&one, key, b"x".to_vec(), condition).await }
    };
    let first = put("a", Condition::Absent).await.unwrap();
    let found = Found::Version(first);
    for (key, condition, expected) in [
        ("a", Condition::Absent, found),
        ("a", Condition::Version(first + 1), found),
        ("b", Condition::Version(first), Found::Nothing),
    ] {
        match put(key, condition).await {
            Err(Error::Changed { found, .. }) => assert_eq!(found, expected, "{key} {condition:?}"),
            other => panic!("{key} {condition:?}: {other:?}"),
        }
    }
    let second = put("a", Condition::Version(first)).await.unwrap();
    assert!(second > first);
    assert!(matches!(kv.delete(&one, "a", Some(first)).await, Err(Error::Changed { .. })));
    assert!(matches!(kv.delete(&one, "b", Some(first)).await, Err(Error::Changed { .. })));
    assert!(kv.delete(&one, "a", Some(second)).await.unwrap());
}

#[tokio::test]
async fn a_version_never_comes_back_not_even_after_everything_was_cleared() {
    let place = Place::new().await;
    let (kv, one) = (place.kv(), plugin("one"));
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        for key in ["a", "b", "a"] {
            assert!(seen.insert(kv.put(&one, key, vec![], Condition::Always).await.unwrap()));
            kv.delete(&one, key, None).await.unwrap();
        }
        kv.put(&one, "c", vec![], Condition::Absent).await.map(|version| seen.insert(version)).unwrap();
        assert_eq!(kv.clear(&one).await.unwrap(), 1);
        assert_eq!(kv.stored_data(&one).await.unwrap(), StoredData::default());
    }
    assert_eq!(seen.iter().max(), seen.last());
}

#[tokio::test]
async fn keys_are_listed_in_the_order_of_their_bytes_page_by_page() {
    let place = Place::new().await;
    let (kv, one) = (place.kv(), plugin("one"));
    for key in ["b", "a/2", "a/10", "a", "é", "Z", "a/%", "a0"] {
        kv.put(&one, key, key.into(), Condition::Always).await.unwrap();
    }
    kv.put(&plugin("two"), "a/3", vec![], Condition::Always).await.unwrap();
    let all = ["Z", "a", "a/%", "a/10", "a/2", "a0", "b", "é"].map(str::to_owned).to_vec();
    assert_eq!(keys(&kv, "", None, 100).await, (all.clone(), false));
    assert_eq!(keys(&kv, "", None, 8).await, (all.clone(), false));
    assert_eq!(keys(&kv, "", None, 7).await, (all[..7].to_vec(), true));
    assert_eq!(keys(&kv, "", Some("a0"), 7).await, (all[6..].to_vec(), false));
    assert_eq!(keys(&kv, "a/", None, 2).await, (all[2..4].to_vec(), true));
    assert_eq!(keys(&kv, "a/", Some("a/10"), 2).await, (all[4..5].to_vec(), false));
    assert_eq!(keys(&kv, "c", None, 2).await, (vec![], false));
    assert_eq!(kv.list(&one, "é", None, 1).await.unwrap().keys[0].bytes, 2);
}

#[tokio::test]
async fn a_key_is_a_short_text_without_control_characters() {
    let place = Place::new().await;
    let kv = place.kv_with(|limits| limits.max_key_bytes = 8);
    for key in ["", "123456789", "a\0", "a\nb", "\u{7f}"] {
        for error in [
            kv.put(&plugin("one"), key, vec![], Condition::Always).await.unwrap_err(),
            kv.get(&plugin("one"), key).await.unwrap_err(),
            kv.delete(&plugin("one"), key, None).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), "kv_bad_key", "{key:?}");
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
    kv.put(&plugin("one"), "12345678", vec![], Condition::Always).await.unwrap();
}

#[tokio::test]
async fn a_plugin_stays_below_its_quotas() {
    let place = Place::new().await;
    let one = plugin("one");
    let kv = place.kv_with(|limits| {
        (limits.max_value_bytes, limits.max_total_bytes, limits.max_keys) = (10, 25, 3);
    });
    let put = |key: &'static str, bytes: usize| {
        let (kv, one) = (kv.clone(), one.clone());
        async move { kv.put(&one, key, vec![0; bytes], Condition::Always).await }
    };
    let refused = |result: Result<u64, Error>| match result {
        Err(Error::Quota { quota, limit, asked }) => (quota, limit, asked),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(put("a", 11).await), (Quota::ValueBytes, 10, 11));
    put("a", 10).await.unwrap();
    put("b", 10).await.unwrap();
    assert_eq!(refused(put("c", 3).await), (Quota::TotalBytes, 25, 26));
    put("c", 2).await.unwrap();
    assert_eq!(refused(put("c", 3).await), (Quota::TotalBytes, 25, 26));
    assert_eq!(refused(put("d", 0).await), (Quota::Keys, 3, 4));
    assert_eq!(kv.stored_data(&one).await.unwrap(), StoredData { keys: 3, bytes: 25 });
    kv.put(&plugin("two"), "a", vec![0; 10], Condition::Always).await.unwrap();

    // What is freed can be used again, and a limit that was lowered still lets a plugin put less.
    kv.delete(&one, "b", None).await.unwrap();
    put("d", 10).await.unwrap();
    let lower = place.kv_with(|limits| limits.max_total_bytes = 5);
    lower.put(&one, "a", vec![0; 9], Condition::Always).await.unwrap();
    assert_eq!(lower.put(&one, "a", vec![0; 10], Condition::Always).await.unwrap_err().code(), "kv_quota");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_plugins_at_once_lose_nothing_and_see_no_busy_database() {
    let place = Place::new().await;
    let kv = place.kv();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let kv = kv.clone();
        tasks.spawn(async move {
            let one = plugin(&format!("plugin-{}", n % 4));
            for round in 0..25 {
                // A counter that all writers of a plugin share: each one adds to what it has read.
                loop {
                    let (count, condition) = match kv.get(&one, "count").await.unwrap() {
                        Some(entry) => (entry.value[0], Condition::Version(entry.version)),
                        None => (0, Condition::Absent),
                    };
                    match kv.put(&one, "count", vec![count + 1], condition).await {
                        Ok(_) => break,
                        Err(Error::Changed { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
                kv.put(&one, &format!("{n}/{round}"), vec![n], Condition::Absent).await.unwrap();
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    for n in 0..4 {
        let one = plugin(&format!("plugin-{n}"));
        assert_eq!(kv.get(&one, "count").await.unwrap().unwrap().value, [100]);
        assert_eq!(kv.stored_data(&one).await.unwrap().keys, 101);
    }
}

#[tokio::test]
async fn a_change_with_a_dropped_caller_is_complete_and_blocks_no_other_change() {
    let place = Place::new().await;
    let (kv, one) = (place.kv(), plugin("one"));
    for n in 0..50 {
        let key = n.to_string();
        // One poll hands the change to the writer; then the plugin loses interest.
        assert!(kv.put(&one, &key, vec![0; 1000], Condition::Always).now_or_never().is_none());
    }
    kv.put(&one, "last", vec![], Condition::Always).await.unwrap();
    assert_eq!(kv.stored_data(&one).await.unwrap().keys, 51);
}

#[tokio::test]
async fn a_flipped_bit_is_detected_and_can_be_overwritten() {
    let place = Place::new().await;
    let (kv, one) = (place.kv(), plugin("one"));
    kv.put(&one, "a", b"good".to_vec(), Condition::Always).await.unwrap();
    kv.put(&one, "b", b"good".to_vec(), Condition::Always).await.unwrap();
    let options = SqliteConnectOptions::new().filename(place.state.path());
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("UPDATE kv SET value = $1 WHERE key = 'a'").bind(&b"food"[..]).execute(&mut other).await.unwrap();
    let error = kv.get(&one, "a").await.unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("`a`")), ("kv_damaged", true));
    assert!(kv.get(&one, "b").await.unwrap().is_some());
    kv.put(&one, "a", b"new".to_vec(), Condition::Always).await.unwrap();
    assert_eq!(kv.get(&one, "a").await.unwrap().unwrap().value, b"new");
}
