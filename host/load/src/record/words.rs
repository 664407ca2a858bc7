//! The remaining items of a library in words.

/// The maximum number of threads that are named.
const MAX_NAMES: usize = 8;

pub(super) fn some(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Lists names, each once: `` (`a`, `b`)``.
pub(super) fn in_brackets(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", listed(names)) }
}

pub(super) fn on_threads(names: &[String]) -> String {
    if names.is_empty() { " of a thread that has ended".to_owned() } else { format!(" on {}", listed(names)) }
}

fn listed(names: &[String]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_NAMES);
    let mut text = names.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_items_are_described_in_words() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(some(1, "thread", "threads") + &in_brackets(&names(&["kafka-poll"])), "1 thread (`kafka-poll`)");
        assert_eq!(some(2, "thread", "threads") + &in_brackets(&names(&["b", "a"])), "2 threads (`a`, `b`)");
        let many: Vec<String> = (0..10).map(|number| format!("t{number}")).collect();
        assert!(listed(&many).ends_with("`t7` and 2 more"));
        assert_eq!(on_threads(&names(&["worker-1", "worker-1"])), " on `worker-1`");
        assert_eq!(on_threads(&[]), " of a thread that has ended");
    }
}
