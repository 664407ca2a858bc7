//! Which value counts, and what is refused.

use expect_test::{Expect, expect};
use host_core::plan::Patience;
use host_core::probation;

use super::*;
use crate::words::{Word, Words};

fn flags(words: &[&str]) -> Flags {
    let words = <Words as clap::Parser>::try_parse_from(["plugin-host", "serve"].iter().chain(words)).unwrap();
    match words.word {
        Word::Serve(serve) => serve.flags,
        _ => unreachable!("`serve` was typed"),
    }
}

fn resolved(words: &[&str], variables: &[(&'static str, &str)], file: &str) -> Result<Settings, String> {
    let path = Path::new("/etc/host/host.toml");
    resolve(&flags(words), &Environment::of(variables), Some((path, file))).map_err(|refusals| refusals.join("\n"))
}

#[test]
fn a_flag_counts_before_a_variable_before_the_file_before_the_default() {
    let flag = &["--port", "1"][..];
    let variable = &[("PORT", "2")][..];
    let file = "\nport = 3";
    for (words, variables, file, expected) in [
        (flag, variable, file, "1 flag --port"),
        (flag, &[][..], file, "1 flag --port"),
        (flag, &[], "", "1 flag --port"),
        (&[], variable, file, "2 environment PORT"),
        (&[], variable, "", "2 environment PORT"),
        (&[], &[], file, "3 file /etc/host/host.toml:2"),
        (&[], &[], "", "4000 default"),
    ] {
        let settings = resolved(words, variables, file).unwrap();
        let port = settings.get("port");
        assert_eq!(format!("{} {}", port.value, port.origin), expected);
    }
}

#[test]
fn each_kind_is_read_from_each_place() {
    let mut all = String::new();
    for (words, variables, file) in [
        (
            &["--debug", "--source-root", "/a", "--source-root", "b", "--mirror", "https://x.org/=http://127.0.0.1:1/"]
                [..],
            &[][..],
            "",
        ),
        (&["--debug=false", "--max-plugin-size", "2 GiB", "--host", "localhost"], &[], ""),
        (
            &[],
            &[
                ("PLUGIN_DEBUG", "1"),
                ("PLUGIN_SOURCE_ROOTS", "/a:b:"),
                ("AUTO_LOAD_PLUGINS", "https://github.com/a/b@v1, ../c"),
                ("CORS_ALLOWED_ORIGIN", "http://localhost:5173,*"),
                ("HOST", "::1"),
            ],
            "",
        ),
        (
            &[],
            &[],
            r#"
            debug = true
            source_roots = ["/a", "b"]
            plugin_dir = "data"
            cargo = "cargo"
            rustc = "bin/rustc"
            auto_load_plugins = ["https://github.com/a/b", "c"]
            max_plugin_size = 1_000_000
            max_upload_bytes = "1MiB"
            allowed_repositories = ["github.com/acme/*"]
            [[mirror]]
            prefix = "https://github.com/"
            base = "http://127.0.0.1:9000/"
            "#,
        ),
    ] {
        for setting in
            resolved(words, variables, file).unwrap().iter().filter(|setting| setting.origin != Origin::Default)
        {
            all += &format!("{} = {} # {}\n", setting.key(), setting.value, setting.origin);
        }
        all += "\n";
    }
    expect![[r#"
        debug = true # flag --debug
        source_roots = ["/a", "b"] # flag --source-root
        mirror = [{ prefix = "https://x.org/", base = "http://127.0.0.1:1/" }] # flag --mirror

        debug = false # flag --debug
        host = "127.0.0.1" # flag --host
        max_plugin_size = 2147483648 # flag --max-plugin-size

        debug = true # environment PLUGIN_DEBUG
        auto_load_plugins = ["https://github.com/a/b@v1", "../c"] # environment AUTO_LOAD_PLUGINS
        source_roots = ["/a", "b"] # environment PLUGIN_SOURCE_ROOTS
        cors_allowed_origins = ["http://localhost:5173", "*"] # environment CORS_ALLOWED_ORIGIN
        host = "::1" # environment HOST

        plugin_dir = "/etc/host/data" # file /etc/host/host.toml:4
        debug = true # file /etc/host/host.toml:2
        auto_load_plugins = ["https://github.com/a/b", "/etc/host/c"] # file /etc/host/host.toml:7
        source_roots = ["/a", "/etc/host/b"] # file /etc/host/host.toml:3
        allowed_repositories = ["github.com/acme/*"] # file /etc/host/host.toml:10
        mirror = [{ prefix = "https://github.com/", base = "http://127.0.0.1:9000/" }] # file /etc/host/host.toml:11
        max_plugin_size = 1000000 # file /etc/host/host.toml:8
        max_upload_bytes = 1048576 # file /etc/host/host.toml:9
        cargo = "cargo" # file /etc/host/host.toml:5
        rustc = "/etc/host/bin/rustc" # file /etc/host/host.toml:6

    "#]]
    .assert_eq(&all);
}

fn check_refused(words: &[&str], variables: &[(&'static str, &str)], file: &str, expected: Expect) {
    match resolved(words, variables, file) {
        Ok(_) => panic!("accepted: {words:?} {variables:?} {file}"),
        Err(refusals) => expected.assert_eq(&refusals),
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    check_refused(
        &["--port", "65536", "--security-mode", "lax", "--mirror", "github"],
        &[("PORT", "4000x"), ("PLUGIN_DEBUG", "maybe"), ("HOST", "example.org"), ("AUTO_LOAD_PLUGINS", "http://a/b/c")],
        r#"
prot = 1
something_else = 2
plugin_cache_dir = 3
port = "4000"
build_slots = 9
build_offline = "yes"
source_roots = "/a"
cors_allowed_origins = ["https://a.org/", 3]
allowed_repositories = ["github.com/*"]
max_plugin_size = "1 XB"
host = 127.1
[[mirror]]
prefix = "https://github.com/"
        "#,
        expect![[r#"
            flag `--security-mode` is `lax`, allowed is `strict`, `normal`, `permissive`
            environment: `PLUGIN_DEBUG` is `maybe`, allowed is `true` or `false`
            environment: `AUTO_LOAD_PLUGINS` is `http://a/b/c`, allowed is https git addresses, folders, `.zip` and `.so` files
            environment: `HOST` is `example.org`, allowed is an IP address or `localhost`
            flag `--port` is `65536`, allowed is a number from 0 to 65535
            environment: `PORT` is `4000x`, allowed is a number from 0 to 65535
            flag `--mirror` is `github`, allowed is pairs of `prefix` and `base`, http or https addresses that end with `/`
            /etc/host/host.toml:2: `prot` is not a key; did you mean `port`?
            /etc/host/host.toml:3: `something_else` is not a key; `plugin-host config show` lists all keys
            /etc/host/host.toml:4: `plugin_cache_dir` is not a key; did you mean `cache_dir`?
            /etc/host/host.toml:5: `port` is the text `4000`, allowed is a number from 0 to 65535
            /etc/host/host.toml:6: `build_slots` is `9`, allowed is a number from 1 to 8
            /etc/host/host.toml:7: `build_offline` is the text `yes`, allowed is `true` or `false`
            /etc/host/host.toml:8: `source_roots` is the text `/a`, allowed is paths, without empty ones
            /etc/host/host.toml:9: `cors_allowed_origins` is a list of the text `https://a.org/`, `3`, allowed is origins such as `https://console.example.org`, or `*` for all
            /etc/host/host.toml:10: `allowed_repositories` is a list of the text `github.com/*`, allowed is patterns of three parts, such as `github.com/acme/*`
            /etc/host/host.toml:11: `max_plugin_size` is the text `1 XB`, allowed is bytes from 1024 to 4294967296, or a text such as `100MiB`
            /etc/host/host.toml:12: `host` is `127.1`, allowed is an IP address or `localhost`
            /etc/host/host.toml:13: `mirror` is a table with prefix = the text `https://github.com/`, allowed is pairs of `prefix` and `base`, http or https addresses that end with `/`"#]],
    );
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_line() {
    check_refused(
        &[],
        &[],
        "port = 1\nhost = \n",
        expect!["/etc/host/host.toml:2: string values must be quoted, expected literal string"],
    );
    check_refused(&[], &[], "port = 1\nport = 2\n", expect!["/etc/host/host.toml:2: duplicate key"]);
}

#[test]
fn a_value_that_does_not_count_is_checked_all_the_same() {
    check_refused(
        &["--port", "1"],
        &[("PORT", "x")],
        "port = -1",
        expect![[r#"
        environment: `PORT` is `x`, allowed is a number from 0 to 65535
        /etc/host/host.toml:1: `port` is `-1`, allowed is a number from 0 to 65535"#]],
    );
}

#[test]
fn a_section_of_a_plugin_becomes_json_and_reaches_the_room() {
    let file = r#"
configuration.other.retries = 0x10
[configuration.hello]
greeting = "Hello"
database = { host = "db", password = "hidden", pool = { max = 1_000, ratio = 0.5 } }
on = true
api_token = "hidden"
[[configuration.hello.servers]]
name = "a"
"client secret" = ["hidden"]
[configuration.empty]
"#;
    let settings = resolved(&[], &[], file).unwrap();
    let shown: Vec<_> =
        settings.configurations().map(|(key, value, origin)| format!("{key} = {value} # {origin}\n")).collect();
    expect![[r#"
        configuration.empty = {} # file /etc/host/host.toml:11
        configuration.hello = {"api_token":"********","database":{"host":"db","password":"********","pool":{"max":1000,"ratio":0.5}},"greeting":"Hello","on":true,"servers":[{"client secret":"********","name":"a"}]} # file /etc/host/host.toml:3
        configuration.other = {"retries":16} # file /etc/host/host.toml:2
    "#]].assert_eq(&shown.concat());
    let rooms = Rooms::of(&settings, &Environment::default());
    let hello = &rooms.run.configurations["hello"];
    assert_eq!(hello["database"]["password"], "hidden");
    assert_eq!(
        (hello["database"]["pool"]["max"].as_i64(), hello["database"]["pool"]["ratio"].as_f64()),
        (Some(1000), Some(0.5))
    );
    assert_eq!(hello["servers"][0]["client secret"][0], "hidden");
    assert_eq!((rooms.run.configurations["other"]["retries"].as_i64(), rooms.run.configurations.len()), (Some(16), 3));
}

#[test]
fn all_that_is_wrong_in_the_sections_of_plugins_is_told_with_its_line() {
    check_refused(
        &[],
        &[],
        r#"
configuraton = {}
[configuration]
hello = "text"
system = {}
[configuration."a/b"]
x = 1
[configuration.counter]
started = 2026-01-01T00:00:00Z
rates = [1.0, inf, [nan]]
large = 99999999999999999999
deep = { a = { "b c" = 10:00:00 } }
good = "hidden"
        "#,
        expect![[r#"
            /etc/host/host.toml:2: `configuraton` is not a key; did you mean `configuration`?
            /etc/host/host.toml:4: `configuration.hello` is no section; what is set for a plugin stands in `[configuration.<plugin-id>]`
            /etc/host/host.toml:5: `configuration.system` names no plugin: `system` is a reserved word
            /etc/host/host.toml:6: `configuration.a/b` names no plugin: an id may hold A-Z, a-z, 0-9, `_` and `-`, found '/'
            /etc/host/host.toml:9: `configuration.counter.started` is a date or time, which has no form in JSON; write a text
            /etc/host/host.toml:10: `configuration.counter.rates[1]` is no finite number, which has no form in JSON; write a text
            /etc/host/host.toml:10: `configuration.counter.rates[2][0]` is no finite number, which has no form in JSON; write a text
            /etc/host/host.toml:11: `configuration.counter.large` is a number that is too large, which has no form in JSON; write a text
            /etc/host/host.toml:12: `configuration.counter.deep.a.b c` is a date or time, which has no form in JSON; write a text"#]],
    );
    check_refused(
        &[],
        &[],
        "configuration = 3",
        expect![
            "/etc/host/host.toml:1: `configuration` is no section; what is set for a plugin stands in `[configuration.<plugin-id>]`"
        ],
    );
}

#[test]
fn every_default_of_the_table_is_read_and_handed_on() {
    let settings =
        resolve(&Flags::default(), &Environment::default(), None).unwrap_or_else(|refusals| panic!("{refusals:?}"));
    let rooms = Rooms::of(&settings, &Environment::of(&[("PATH", "/bin"), ("PORT", "1")]));
    assert_eq!(rooms.serve.address.to_string(), "127.0.0.1:4000");
    assert_eq!(settings.url(), "http://127.0.0.1:4000");
    assert_eq!((settings.log_filter(), settings.logs_json()), ("info", false));
    assert_eq!(rooms.build.environment, [("PATH".to_owned(), "/bin".to_owned())]);
    assert!(rooms.store.plugin_dir.is_absolute() && rooms.store.plugin_dir.ends_with("cache"));
    assert_eq!(rooms.run.fetch.source_roots, [std::env::current_dir().unwrap()]);
    assert_eq!(rooms.run.fetch.max_git_bytes, 100 << 20);
    assert_eq!((rooms.run.drain_timeout.as_secs(), rooms.grace.as_secs()), (30, 30));
    let defaults = host_run::Config::new("1.0.0".parse().unwrap());
    assert_eq!((rooms.run.patience, rooms.run.probation), (defaults.patience, defaults.probation));
    assert_eq!(rooms.run.max_kept_versions, defaults.max_kept_versions);
    assert_eq!(rooms.run.max_events, defaults.max_events);
}

#[test]
fn the_rules_of_the_front_are_its_defaults_unless_they_are_set() {
    let settings = resolved(&[], &[], "").unwrap();
    assert_eq!((settings.rules(), settings.tls()), (host_serve::Rules::default(), None));
    let file = "tls_cert = \"tls/a.pem\"\ntls_key = \"/b.key\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
        body_idle_timeout_seconds = 7\nmin_body_bytes_per_second = 0\nanswer_timeout_seconds = 8\n\
        max_streams = 9\nmax_streams_per_caller = 2\nmax_connections_per_address = 3";
    let settings = resolved(&[], &[("ALLOWED_HOSTS", "a.example, *.b.example")], file).unwrap();
    let rules = host_serve::Rules {
        allowed_hosts: vec!["a.example".to_owned(), "*.b.example".to_owned()],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        max_connections_per_address: 3,
        body_idle_timeout: std::time::Duration::from_secs(7),
        min_body_bytes_per_second: 0,
        write_timeout: std::time::Duration::from_secs(8),
        max_streams: 9,
        max_streams_per_caller: 2,
        ..host_serve::Rules::default()
    };
    assert_eq!(settings.rules(), rules);
    let tls = settings.tls().unwrap();
    assert_eq!((tls.certificate, tls.key), ("/etc/host/tls/a.pem".into(), "/b.key".into()));
    assert_eq!(settings.url(), "https://127.0.0.1:4000");
    check_refused(
        &["--allowed-host", "http://a"],
        &[("TRUSTED_PROXIES", "10.0.0.0/33")],
        "tls_cert = \"a\"",
        expect![[r#"
            flag `--allowed-host` is `http://a`, allowed is names such as `plugins.example.org`, `*.example.org`, or `*` for any
            environment: `TRUSTED_PROXIES` is `10.0.0.0/33`, allowed is networks such as `10.0.0.0/8`, or addresses
            `tls_cert` is set and `tls_key` is not; TLS needs both"#]],
    );
}

#[test]
fn what_counts_at_once_is_told_from_what_needs_a_restart() {
    let before = resolved(&[], &[], "port = 1\n[configuration.abc]\nx = 1\n[configuration.bcd]\nx = 1").unwrap();
    let after = "port = 2\nmax_streams = 7\ntls_cert = \"a\"\ntls_key = \"b\"\n[configuration.abc]\nx = 2\n\
        [configuration.bcd]\nx = 1\n[configuration.cde]\n";
    let after = resolved(&[], &[], after).unwrap();
    let used = before.with_those_at_once(&after);
    assert_eq!(before.differences(&used), ["max_streams"]);
    assert_eq!(used.differences(&after), ["port", "tls_cert", "tls_key"]);
    assert_eq!(before.differences_of_plugins(&after), ["configuration.abc", "configuration.cde"]);
    // Where TLS is spoken, another certificate is taken at once.
    let renewed = resolved(&[], &[], "tls_cert = \"c\"\ntls_key = \"b\"").unwrap();
    assert_eq!(after.differences(&after.with_those_at_once(&renewed)), ["tls_cert", "max_streams"]);
}

#[test]
fn what_is_set_reaches_its_room() {
    let words =
        &["--port", "0", "--host", "0.0.0.0", "--security-mode", "strict", "--max-plugin-size", "1MiB", "--debug"];
    let file = r#"
    rustc = "/opt/rustc"
    build_slots = 3
    build_offline = true
    drain_timeout_seconds = 1
    start_timeout_seconds = 2
    stop_timeout_seconds = 3
    shutdown_grace_seconds = 4
    max_kept_versions = 1
    retry_first_wait_ms = 20
    retry_max_wait_ms = 30
    quarantine_failures = 4
    quarantine_window_seconds = 5
    probation_seconds = 6
    probation_max_error_percent = 70
    probation_min_requests = 8
    max_events = 900
    max_connections = 5
    max_upload_bytes = 6_000
    auto_load_plugins = ["x"]
    log_format = "json"
    mirror = [{ prefix = "https://a.org/", base = "http://127.0.0.1/" }]
    "#;
    let settings = resolved(words, &[], file).unwrap();
    let Rooms { store, build, run, serve, grace, load } = Rooms::of(&settings, &Environment::default());
    assert_eq!((store.limits.max_total_bytes, run.fetch.archive.max_unpacked_bytes), (1 << 20, 1 << 20));
    assert_eq!((build.rustc.as_path(), build.slots, build.offline), (Path::new("/opt/rustc"), 3, true));
    assert_eq!(run.mode, host_core::manifest::Mode::Strict);
    let timeouts = [run.drain_timeout, run.start_timeout, run.stop_timeout, grace];
    assert_eq!(timeouts.map(|timeout| timeout.as_secs()), [1, 2, 3, 4]);
    let patience = Patience { first_wait_ms: 20, max_wait_ms: 30, quarantine_after: 4, window_ms: 5_000 };
    let probation = probation::Rules { window_ms: 6_000, max_error_rate: 0.7, min_requests: 8 };
    assert_eq!((run.patience, run.probation), (patience, probation));
    assert_eq!((run.max_kept_versions, run.max_events), (1, 900));
    assert_eq!(run.fetch.mirrors[0].base, "http://127.0.0.1/");
    assert_eq!((serve.max_connections, serve.max_upload_bytes), (5, 6_000));
    assert_eq!(load[0].to_string(), "/etc/host/x");
    assert_eq!(settings.url(), "http://127.0.0.1:0");
    assert!(settings.logs_json() && settings.log_filter().starts_with("debug"));
}
