//! Summarizes rejections for the audit log: the first one is written immediately, further ones within a minute become
//! one entry, so that rejected requests cannot fill the disk.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use host_core::audit::AuditRecord;
use parking_lot::{Mutex, MutexGuard};

/// Time over which rejections are summarized.
const WINDOW: Duration = Duration::from_secs(60);

/// Value of a field that differs between the summarized rejections.
const SEVERAL: &str = "several";

/// Rejections, by client and action.
pub(crate) struct Refusals {
    /// Number of separate summaries. Further clients share one.
    max: usize,
    sums: Mutex<HashMap<String, RefusalSum>>,
}

struct RefusalSum {
    since: Instant,
    /// Number of rejections that are not written yet.
    times: u64,
    /// The last rejection; fields that differ between the rejections are `several`.
    last: AuditRecord,
}

impl Refusals {
    pub(crate) fn new(max: usize) -> Refusals {
        Refusals { max, sums: Mutex::default() }
    }

    /// Counts a rejection. Returns the entry to write, if any.
    pub(crate) fn note(&self, key: String, entry: AuditRecord, now: Instant) -> Option<AuditRecord> {
        let mut sums = self.sums();
        // Too many clients at once are not distinguished any more.
        let (key, entry) = if sums.len() >= self.max && !sums.contains_key(&key) {
            (String::new(), AuditRecord { address: "many".to_owned(), ..entry })
        } else {
            (key, entry)
        };
        if let Some(sum) = sums.get_mut(&key) {
            let entry = if sum.times > 0 { together(&sum.last, entry) } else { entry };
            sum.times += 1;
            if now.saturating_duration_since(sum.since) < WINDOW {
                sum.last = entry;
                return None;
            }
            (sum.since, sum.last) = (now, entry.clone());
            return Some(AuditRecord { times: std::mem::take(&mut sum.times), ..entry });
        }
        sums.insert(key, RefusalSum { since: now, times: 0, last: entry.clone() });
        Some(AuditRecord { times: 1, ..entry })
    }

    /// Returns the entries whose minute is over, or all, and forgets clients without unwritten rejections.
    pub(crate) fn due(&self, now: Instant, all: bool) -> Vec<AuditRecord> {
        let mut due = vec![];
        self.sums().retain(|_, sum| {
            let is_over = now.saturating_duration_since(sum.since) >= WINDOW;
            if sum.times > 0 && (is_over || all) {
                due.push(AuditRecord { times: std::mem::take(&mut sum.times), ..sum.last.clone() });
                sum.since = now;
                return true;
            }
            !is_over
        });
        due
    }

    fn sums(&self) -> MutexGuard<'_, HashMap<String, RefusalSum>> {
        self.sums.lock()
    }
}

/// Combines two rejections into one entry.
fn together(before: &AuditRecord, mut entry: AuditRecord) -> AuditRecord {
    if before.status != entry.status {
        entry.status = 0;
    }
    for (before, now) in [
        (&before.action, &mut entry.action),
        (&before.object, &mut entry.object),
        (&before.code, &mut entry.code),
        (&before.request, &mut entry.request),
    ] {
        if before != now {
            SEVERAL.clone_into(now);
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(address: &str) -> AuditRecord {
        AuditRecord { address: address.to_owned(), ..AuditRecord::default() }
    }

    fn told(entries: impl IntoIterator<Item = AuditRecord>) -> Vec<(String, u64)> {
        entries.into_iter().map(|entry| (entry.address, entry.times)).collect()
    }

    #[test]
    fn the_first_rejection_is_written_at_once_and_further_ones_as_a_summary() {
        let refusals = Refusals::new(10);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let note = |address: &str, seconds| told(refusals.note(address.to_owned(), entry(address), at(seconds)));
        assert_eq!(note("a", 0), [("a".to_owned(), 1)]);
        for _ in 0..1_000 {
            assert_eq!(note("a", 1), []);
        }
        assert_eq!(note("b", 2), [("b".to_owned(), 1)]);
        assert_eq!(note("a", 61), [("a".to_owned(), 1_001)]);
        assert_eq!(note("a", 62), []);
        assert_eq!(told(refusals.due(at(63), false)), []);
        assert_eq!(told(refusals.due(at(63), true)), [("a".to_owned(), 1)]);
        assert_eq!(told(refusals.due(at(200), true)), []);
        assert!(refusals.sums().is_empty());
    }

    #[test]
    fn fields_that_differ_in_a_summary_are_marked() {
        let refusals = Refusals::new(3);
        let now = Instant::now();
        let of = |action: &str, status| {
            let code = "auth_token".to_owned();
            AuditRecord {
                action: action.to_owned(),
                object: "hello".to_owned(),
                status,
                code,
                ..AuditRecord::default()
            }
        };
        let told = || refusals.due(now, true).pop().unwrap();
        assert!(refusals.note("a".to_owned(), of("login", 401), now).is_some());
        refusals.note("a".to_owned(), of("plugin_load", 401), now);
        refusals.note("a".to_owned(), of("plugin_load", 401), now);
        assert_eq!(told(), AuditRecord { times: 2, ..of("plugin_load", 401) });
        refusals.note("a".to_owned(), of("plugin_load", 401), now);
        refusals.note("a".to_owned(), of("login", 429), now);
        refusals.note("a".to_owned(), of("login", 429), now);
        assert_eq!(told(), AuditRecord { times: 3, ..of("several", 0) });
    }

    #[test]
    fn too_many_clients_share_one_summary() {
        let refusals = Refusals::new(3);
        let now = Instant::now();
        let written = (0..1_000).filter_map(|n| refusals.note(n.to_string(), entry(&n.to_string()), now)).count();
        assert_eq!(written, 4);
        assert_eq!(told(refusals.due(now, true)), [("many".to_owned(), 996)]);
        assert_eq!(refusals.sums().len(), 4);
    }
}
