//! Crashes of the host that plugins cause, in words.

/// The words of a crash: its cause, and the occasion on which code of the plugin ran.
///
/// The cause is the name of a signal, `stack_overflow` or `exit`. The occasion is `open`, `start`, `hook`, `call`,
/// `release` or `thread`; `None` if the host had not called the plugin.
pub fn crash_message(generation: Option<u64>, activity: Option<&str>, cause: &str) -> String {
    let generation = generation.map_or_else(|| "the plugin".to_owned(), |number| format!("generation {number}"));
    let activity = match activity {
        Some("open") => " while it was opened",
        Some("start") => " during its start",
        Some("hook") => " in a hook",
        Some("call") => " during a call",
        Some("release") => " while it was released",
        Some("thread") => " in a thread of its own",
        _ => "",
    };
    match cause {
        "exit" => format!("{generation} called `exit`{activity}, which ended the host"),
        cause => format!("{generation} crashed the host{activity}: {}", crash_cause(cause)),
    }
}

/// A cause for people.
pub fn crash_cause(cause: &str) -> String {
    let words = match cause {
        "stack_overflow" => return "the stack overflowed".to_owned(),
        "SIGSEGV" | "SIGBUS" => "invalid memory access",
        "SIGILL" => "invalid instruction",
        "SIGFPE" => "invalid arithmetic",
        "SIGABRT" => "abort",
        "SIGSYS" => "forbidden system call",
        _ => return cause.to_owned(),
    };
    format!("{words} ({cause})")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_crash_is_described_in_one_sentence() {
        let activities =
            [None, Some("open"), Some("start"), Some("hook"), Some("call"), Some("release"), Some("thread")];
        let causes = ["SIGTRAP", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS"];
        let mut text = String::new();
        for (activity, cause) in activities.iter().zip(causes) {
            text += &format!("{}\n", crash_message(Some(3), *activity, cause));
        }
        text += &format!("{}\n", crash_message(None, None, "stack_overflow"));
        text += &format!("{}\n", crash_message(Some(3), Some("thread"), "exit"));
        expect![[r#"
            generation 3 crashed the host: SIGTRAP
            generation 3 crashed the host while it was opened: invalid memory access (SIGSEGV)
            generation 3 crashed the host during its start: invalid memory access (SIGBUS)
            generation 3 crashed the host in a hook: invalid instruction (SIGILL)
            generation 3 crashed the host during a call: invalid arithmetic (SIGFPE)
            generation 3 crashed the host while it was released: abort (SIGABRT)
            generation 3 crashed the host in a thread of its own: forbidden system call (SIGSYS)
            the plugin crashed the host: the stack overflowed
            generation 3 called `exit` in a thread of its own, which ended the host
        "#]]
        .assert_eq(&text);
    }
}
