use super::*;
use crate::Tree;
use crate::artifacts::tests::artifact;
use crate::store::tests::{TestStore, store};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DAY_MS: u64 = 86_400_000;

fn tree(test: &TestStore, text: &str) -> Tree {
    let mut writer = test.store.new_tree().unwrap();
    writer.add("plugin.yaml".parse().unwrap(), false, text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

fn sweep(test: &TestStore, keep: &[Digest], now: u64) -> (u64, u64) {
    let keep = keep.iter().copied().collect();
    let swept = test.store.sweep_unneeded(&keep, &keep, DAY, now).unwrap();
    (swept.artifacts, swept.trees)
}

#[test]
fn unused_items_are_removed_a_day_after_they_were_first_seen_unused() {
    let test = store();
    let (gone, kept) = (artifact(&test, "gone").digest(), artifact(&test, "kept").digest());
    let (old, held) = (tree(&test, "old").digest(), tree(&test, "held"));
    let uploaded = tree(&test, "uploaded").digest();
    test.store.put_upload(&test.store.tree(&uploaded).unwrap().unwrap(), &[]).unwrap();
    assert_eq!(test.store.last_sweep_unix_ms(), None);
    assert_eq!(sweep(&test, &[kept], 1_000), (0, 0));
    assert_eq!(sweep(&test, &[kept], DAY_MS), (0, 0));
    // The time of an item that was used in between starts again.
    assert_eq!(sweep(&test, &[kept, old], 1_000 + DAY_MS), (1, 0));
    assert_eq!(sweep(&test, &[kept], 2_000 + DAY_MS), (0, 0));
    assert_eq!(sweep(&test, &[kept], 2_000 + 2 * DAY_MS), (0, 1));
    assert_eq!(test.store.last_sweep_unix_ms(), Some(2_000 + 2 * DAY_MS));
    for (digest, is_there) in [(gone, false), (kept, true)] {
        assert_eq!(test.store.artifact(&digest).unwrap().is_some(), is_there);
    }
    for (digest, is_there) in [(old, false), (held.digest(), true), (uploaded, true)] {
        assert_eq!(test.store.tree(&digest).unwrap().is_some(), is_there);
    }
    // A clock that is set back removes nothing early.
    artifact(&test, "new");
    assert_eq!(sweep(&test, &[kept], 9 * DAY_MS), (0, 0));
    assert_eq!(sweep(&test, &[kept], 5), (0, 0));
    test.assert_no_temp_files();
}

#[test]
fn the_least_recently_used_part_of_the_build_cache_is_removed_first() {
    let test = store();
    let fill = |folder: &Path, age: u64| {
        let path = folder.join("x");
        crate::atomic::write(&path, &[0; 1_000], 0o600).unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        for path in [path.as_path(), folder] {
            File::open(path).unwrap().set_modified(then).unwrap();
        }
    };
    let targets = [0, 1, 2].map(|slot| test.store.target_dir("ab", slot));
    for (target, age) in targets.iter().zip([30, 20, 10]) {
        fill(target, age);
    }
    let in_use = test.store.lock_target("ab", 0).unwrap();
    crate::atomic::write(&test.store.cargo_home().join("crate"), &[0; 500], 0o600).unwrap();
    let swept = test.store.trim_build_cache(2_600).unwrap();
    assert_eq!((swept.bytes, swept.in_use), (1_000, 1));
    assert_eq!(targets.each_ref().map(|target| target.exists()), [true, false, true]);
    drop(in_use);
    fill(&test.store.work_dir(&Digest::compute(b"w")), 5);
    test.store.trim_build_cache(0).unwrap();
    assert!(targets.iter().all(|target| !target.exists()) && test.store.cargo_home().join("crate").exists());
}

#[test]
fn the_entry_of_a_build_is_removed_with_its_artifact_or_with_the_whole_cache() {
    let test = store();
    let (made, lost) = (artifact(&test, "made"), artifact(&test, "lost"));
    test.store.remember(&Digest::compute(b"1"), &made).unwrap();
    test.store.remember(&Digest::compute(b"2"), &lost).unwrap();
    crate::atomic::remove(lost.library().parent().unwrap()).unwrap();
    assert_eq!(test.store.trim_build_cache(u64::MAX).unwrap().builds, 1);
    assert!(test.store.remembered(&Digest::compute(b"1")).unwrap().is_some());
    assert_eq!(test.store.trim_build_cache(0).unwrap().builds, 1);
    assert!(test.store.remembered(&Digest::compute(b"1")).unwrap().is_none());
}
