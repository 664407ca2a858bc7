use expect_test::expect;

use super::*;

const LINES: &str = r#"{"cause":"SIGSEGV","at_unix_ms":1}
{"library":"a#1","activity":"call","cause":"SIGABRT","at_unix_ms":2,"is_read":true}
{"library":"b#7","activity":"open","cause":"stack_overflow","at_unix_ms":3}
{"library":"b#7","cause":"SIGSEG
{"forgotten":"b"}
{"forgotten":"c"}
{"library":"b#8","activity":"thread","cause":"exit","at_unix_ms":4}
{"library":"b#9","cause":"SIGFPE","at_unix_ms":5}
"#;

fn table(crashes: &[Crash]) -> String {
    let line = |crash: &Crash| {
        let plugin = crash.plugin().unwrap_or("-");
        format!("{plugin}, new {}, counts {}: {}\n", crash.is_new(), crash.counts(), crash.message())
    };
    crashes.iter().map(line).collect()
}

#[test]
fn crashes_are_read_and_are_new_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crashes.jsonl");
    assert_eq!(CrashLog::open(&path).unwrap().crashes(), []);
    host_store::atomic::write(&path, LINES.as_bytes(), 0o600).unwrap();
    let log = CrashLog::open(&path).unwrap();
    expect![[r#"
        -, new true, counts true: the host crashed outside of plugins: invalid memory access (SIGSEGV)
        a, new false, counts true: generation 1 crashed the host during a call: abort (SIGABRT)
        b, new true, counts false: generation 7 crashed the host while it was opened: the stack overflowed
        b, new true, counts true: generation 8 called `exit` in a thread of its own, which ended the host
        b, new true, counts true: generation 9 crashed the host: invalid arithmetic (SIGFPE)
    "#]]
    .assert_eq(&table(log.crashes()));
    log.forget("b").unwrap();
    let log = CrashLog::open(&path).unwrap();
    expect![[r#"
        -, new false, counts true: the host crashed outside of plugins: invalid memory access (SIGSEGV)
        a, new false, counts true: generation 1 crashed the host during a call: abort (SIGABRT)
        b, new false, counts false: generation 7 crashed the host while it was opened: the stack overflowed
        b, new false, counts false: generation 8 called `exit` in a thread of its own, which ended the host
        b, new false, counts false: generation 9 crashed the host: invalid arithmetic (SIGFPE)
    "#]]
    .assert_eq(&table(log.crashes()));
}

#[test]
fn only_the_newest_crashes_are_kept() {
    let line = |at: usize| format!("{{\"library\":\"a#1\",\"cause\":\"SIGSEGV\",\"at_unix_ms\":{at}}}\n");
    let crashes = read((0..MAX_CRASHES + 5).map(line).collect::<String>().as_bytes());
    assert_eq!((crashes.len(), crashes[0].at_unix_ms), (MAX_CRASHES, 5));
}
