//! Precedence of values, and refused values.

mod sections;

use expect_test::{Expect, expect};
use host_core::plan::Patience;
use host_core::probation;

use super::*;
use crate::args::{Cli, Command};

fn flags(args: &[&str]) -> Flags {
    let args = <Cli as clap::Parser>::try_parse_from(["plugin-host", "serve"].iter().chain(args)).unwrap();
    match args.command {
        Command::Serve(serve) => serve.flags,
        _ => unreachable!("`serve` was typed"),
    }
}

fn resolved(args: &[&str], variables: &[(&'static str, &str)], file: &str) -> Result<Settings, String> {
    let path = Path::new("/etc/host/host.toml");
    resolve(&flags(args), &Environment::from_pairs(variables), Some((path, file)))
        .map_err(|refusals| refusals.join("\n"))
}

#[test]
fn flags_take_precedence_over_environment_file_and_default() {
    let flag = &["--port", "1"][..];
    let variable = &[("PORT", "2")][..];
    let file = "\nport = 3";
    for (args, variables, file, expected) in [
        (flag, variable, file, "1 flag --port"),
        (flag, &[][..], file, "1 flag --port"),
        (flag, &[], "", "1 flag --port"),
        (&[], variable, file, "2 environment PORT"),
        (&[], variable, "", "2 environment PORT"),
        (&[], &[], file, "3 file /etc/host/host.toml:2"),
        (&[], &[], "", "4000 default"),
    ] {
        let settings = resolved(args, variables, file).unwrap();
        let port = settings.get("port");
        assert_eq!(format!("{} {}", port.value, port.origin), expected);
    }
}

#[test]
fn every_type_is_read_from_flags_environment_and_file() {
    let mut all = String::new();
    for (args, variables, file) in [
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
            resolved(args, variables, file).unwrap().iter().filter(|setting| setting.origin != Origin::Default)
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

fn check_refused(args: &[&str], variables: &[(&'static str, &str)], file: &str, expected: Expect) {
    match resolved(args, variables, file) {
        Ok(_) => panic!("accepted: {args:?} {variables:?} {file}"),
        Err(refusals) => expected.assert_eq(&refusals),
    }
}

#[test]
fn all_problems_are_reported_together() {
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
            flag `--security-mode` is `lax`, expected one of `strict`, `normal`, `permissive`
            environment: `PLUGIN_DEBUG` is `maybe`, expected `true` or `false`
            environment: `AUTO_LOAD_PLUGINS` is `http://a/b/c`, expected https git URLs, folders, `.zip` or `.so` files
            flag `--port` is `65536`, expected a number from 0 to 65535
            environment: `PORT` is `4000x`, expected a number from 0 to 65535
            flag `--mirror` is `github`, expected pairs of `prefix` and `base`, both http or https URLs that end with `/`, without user, password, query and fragment
            /etc/host/host.toml:2: unknown key `prot`; did you mean `port`?
            /etc/host/host.toml:3: unknown key `something_else`; `plugin-host config show` lists all keys
            /etc/host/host.toml:4: unknown key `plugin_cache_dir`; did you mean `cache_dir`?
            /etc/host/host.toml:5: `port` is the string `4000`, expected a number from 0 to 65535; write `port = 4000`
            /etc/host/host.toml:6: `build_slots` is `9`, expected a number from 1 to 8
            /etc/host/host.toml:7: `build_offline` is the string `yes`, expected `true` or `false`; write `build_offline = true`
            /etc/host/host.toml:8: `source_roots` is the string `/a`, expected a list of paths; `~` and `$` are not expanded; write a list: `source_roots = ["/a"]`
            /etc/host/host.toml:9: `cors_allowed_origins` is a list of the string `https://a.org/`, `3`, expected web origins such as `https://console.example.org`, or `*` for any
            /etc/host/host.toml:10: `allowed_repositories` is a list of the string `github.com/*`, expected patterns of the form host/owner/name, such as `github.com/acme/*`
            /etc/host/host.toml:11: `max_plugin_size` is the string `1 XB`, expected a size from 1 KiB to 4 GiB, such as `100MiB`, or a number of bytes
            /etc/host/host.toml:12: `host` is `127.1`, expected an IP address or `localhost`
            /etc/host/host.toml:13: `mirror` is a table with prefix = the string `https://github.com/`, expected pairs of `prefix` and `base`, both http or https URLs that end with `/`, without user, password, query and fragment"#]],
    );
}

#[test]
fn mistakes_in_the_file_come_with_their_remedy() {
    for (text, expected) in [
        ("drain_timeout_seconds = \"30s\"", "write the number of seconds, without a unit"),
        ("drain_timeout_seconds = 30s", "; `drain_timeout_seconds` is a number from 0 to 86400"),
        ("cache_enabled = yes", "; `cache_enabled` is `true` or `false`"),
        ("allowed_hosts = \"a.org\"", "write a list: `allowed_hosts = [\"a.org\"]`"),
        ("port = 4000\u{a0}", "is U+00A0"),
        ("log_format = \u{201c}json\u{201d}", "is U+201C"),
        (
            "[server]\nport = 1\n",
            ":1: unknown section `[server]`; settings are not in a section: write `port` above the first section",
        ),
        ("plugin_dir = \"~/plugins\"", "a path; `~` and `$` are not expanded"),
        ("source_roots = [\"$HOME/plugins\"]", "a list of paths; `~` and `$` are not expanded"),
        ("secrets = [\"hello/key=file:~/key\"]", "expected `PLUGIN/NAME=file:PATH`"),
        (
            "[git.github.com]\ntoken_file = \"a\"",
            ":1: `git.\"github\"` has a table `com`; write the host in quotes: `[git.\"github.com\"]`",
        ),
        (
            "[git.\"github.com\"]\ntoken_file = \"~/token\"",
            "`token_file` that is not a path; `~` and `$` are not expanded",
        ),
    ] {
        let refusals = read_text(Path::new("host.toml"), text).map(|_| ()).unwrap_err();
        assert!(refusals[0].contains(expected), "{text}: {refusals:?}");
    }
}

#[test]
fn a_toml_syntax_error_is_reported_with_its_line() {
    check_refused(
        &[],
        &[],
        "port = 1\nhost = \n",
        expect![
            "/etc/host/host.toml:2: string values must be quoted, expected literal string; `host` is an IP address or `localhost`"
        ],
    );
    check_refused(&[], &[], "port = 1\nport = 2\n", expect!["/etc/host/host.toml:2: duplicate key"]);
}

#[test]
fn overridden_values_are_checked_too() {
    check_refused(
        &["--port", "1"],
        &[("PORT", "x")],
        "port = -1",
        expect![[r#"
            environment: `PORT` is `x`, expected a number from 0 to 65535
            /etc/host/host.toml:1: `port` is `-1`, expected a number from 0 to 65535"#]],
    );
}

#[test]
fn every_default_of_the_table_is_valid_and_passed_on() {
    let settings =
        resolve(&Flags::default(), &Environment::default(), None).unwrap_or_else(|refusals| panic!("{refusals:?}"));
    let configs = Configs::new(&settings, &Environment::from_pairs(&[("PATH", "/bin"), ("PORT", "1")]));
    assert_eq!(configs.serve.address.to_string(), "127.0.0.1:4000");
    assert_eq!(settings.url(), "http://127.0.0.1:4000");
    assert_eq!((settings.log_filter(), settings.logs_json()), ("info", false));
    assert_eq!(configs.build.environment, [("PATH".to_owned(), "/bin".to_owned())]);
    assert!(configs.store.plugin_dir.is_absolute() && configs.store.plugin_dir.ends_with("cache"));
    assert_eq!(configs.run.fetch.source_roots, [std::env::current_dir().unwrap()]);
    assert_eq!(configs.run.fetch.max_git_bytes, 100 << 20);
    assert_eq!((configs.run.drain_timeout.as_secs(), configs.grace.as_secs()), (30, 30));
    let defaults = host_run::Config::new("1.0.0".parse().unwrap());
    assert_eq!((configs.run.patience, configs.run.probation), (defaults.patience, defaults.probation));
    assert_eq!(configs.run.max_kept_versions, defaults.max_kept_versions);
    assert_eq!(configs.run.max_events, defaults.max_events);
    assert_eq!(configs.run.max_endpoint_timeout, defaults.max_endpoint_timeout);
    assert_eq!(configs.run.upload_lifetime, defaults.upload_lifetime);
}

#[test]
fn server_rules_have_their_defaults_unless_set() {
    let settings = resolved(&[], &[], "").unwrap();
    assert_eq!((settings.rules(), settings.tls()), (host_serve::Rules::default(), None));
    let file = "tls_cert = \"tls/a.pem\"\ntls_key = \"/b.key\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
        body_idle_timeout_seconds = 7\nmin_body_bytes_per_second = 0\nanswer_timeout_seconds = 8\n\
        max_streams = 9\nmax_streams_per_caller = 2\nmax_connections_per_address = 3\n\
        max_connection_age_seconds = 0\nmax_http2_streams = 5";
    let settings = resolved(&[], &[("ALLOWED_HOSTS", "a.example, *.b.example")], file).unwrap();
    let rules = host_serve::Rules {
        allowed_hosts: vec!["a.example".to_owned(), "*.b.example".to_owned()],
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        max_connections_per_address: 3,
        max_connection_age: std::time::Duration::ZERO,
        max_http2_streams: 5,
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
            flag `--allowed-host` is `http://a`, expected host names such as `plugins.example.org` or `*.example.org`, or `*` for any
            environment: `TRUSTED_PROXIES` is `10.0.0.0/33`, expected networks such as `10.0.0.0/8`, or IP addresses
            `tls_cert` is set and `tls_key` is not; TLS needs both"#]],
    );
}

#[test]
fn settings_that_apply_immediately_are_separated_from_settings_that_need_a_restart() {
    let before = resolved(&[], &[], "port = 1\n[configuration.abc]\nx = 1\n[configuration.bcd]\nx = 1").unwrap();
    let after = "port = 2\nmax_streams = 7\ntls_cert = \"a\"\ntls_key = \"b\"\n[configuration.abc]\nx = 2\n\
        [configuration.bcd]\nx = 1\n[configuration.cde]\n";
    let after = resolved(&[], &[], after).unwrap();
    let used = before.with_immediate_changes(&after);
    assert_eq!(before.differences(&used), ["max_streams"]);
    assert_eq!(used.differences(&after), ["port", "tls_cert", "tls_key"]);
    assert_eq!(before.differences_of_plugins(&after), ["configuration.abc", "configuration.cde"]);
    // A host with TLS uses a new certificate immediately.
    let renewed = resolved(&[], &[], "tls_cert = \"c\"\ntls_key = \"b\"").unwrap();
    assert_eq!(after.differences(&after.with_immediate_changes(&renewed)), ["tls_cert", "max_streams"]);
}

#[test]
fn settings_are_passed_to_their_crates() {
    let args =
        &["--port", "0", "--host", "0.0.0.0", "--security-mode", "strict", "--max-plugin-size", "1MiB", "--debug"];
    let file = r#"
    rustc = "/opt/rustc"
    build_slots = 3
    build_offline = true
    drain_timeout_seconds = 1
    start_timeout_seconds = 2
    max_endpoint_timeout_seconds = 9
    max_poll_ms = 7
    upload_lifetime_seconds = 10
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
    let settings = resolved(args, &[], file).unwrap();
    let Configs { store, build, run, serve, grace, load } = Configs::new(&settings, &Environment::default());
    assert_eq!((store.limits.max_total_bytes, run.fetch.archive.max_unpacked_bytes), (1 << 20, 1 << 20));
    assert_eq!((build.rustc.as_path(), build.slots, build.offline), (Path::new("/opt/rustc"), 3, true));
    assert_eq!(run.mode, host_core::manifest::Mode::Strict);
    let times =
        [run.drain_timeout, run.start_timeout, run.stop_timeout, grace, run.max_endpoint_timeout, run.upload_lifetime];
    assert_eq!(times.map(|time| time.as_secs()), [1, 2, 3, 4, 9, 10]);
    assert_eq!(run.max_poll.as_millis(), 7);
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

#[test]
fn a_variable_of_another_program_is_ignored_with_a_warning() {
    let resolved = |variables: &[(&'static str, &str)]| {
        let environment = Environment::from_pairs(variables);
        let settings = resolve(&Flags::default(), &environment, None).unwrap();
        let origin = |key| settings.get(key).origin.to_string();
        (settings.address().to_string(), origin("host"), origin("port"), settings.warnings().join("; "))
    };
    let text = |text: &str| text.to_owned();
    let (default, variable) = (text("default"), |name: &str| format!("environment {name}"));
    // Set by conda.
    let (address, host, port, warnings) = resolved(&[("HOST", "x86_64-conda-linux-gnu"), ("PORT", "5000")]);
    assert_eq!((address, host, port), (text("127.0.0.1:5000"), default.clone(), variable("PORT")));
    assert!(
        warnings.starts_with("environment: `HOST` is `x86_64-conda-linux-gnu`, expected an IP address"),
        "{warnings}"
    );
    // Set by Kubernetes for a service `plugin-host`.
    let (address, _, port, warnings) = resolved(&[("PLUGIN_HOST_PORT", "tcp://10.0.0.7:4000")]);
    assert_eq!((address, port), (text("127.0.0.1:4000"), default.clone()));
    assert!(warnings.contains("PLUGIN_HOST_PORT"), "{warnings}");
    // The long name takes precedence.
    let (address, host, port, warnings) =
        resolved(&[("HOST", "127.0.0.9"), ("PLUGIN_HOST_HOST", "127.0.0.8"), ("PLUGIN_HOST_PORT", "7")]);
    assert_eq!((address, warnings), (text("127.0.0.8:7"), String::new()));
    assert_eq!((host, port), (variable("PLUGIN_HOST_HOST"), variable("PLUGIN_HOST_PORT")));
}

#[test]
fn a_misspelled_level_is_not_read_as_the_name_of_a_module() {
    let accepts = |text| {
        let flags = Flags::default().with("log_filter", Some(text));
        resolve(&flags, &Environment::default(), None).is_ok()
    };
    for text in ["info", "off", "WARN", "info,access=debug", "build=trace, warn", "host_run[job]=debug,error"] {
        assert!(accepts(text), "{text}");
    }
    for text in ["inof", "warning", "hyper", "info,", "", "info;debug", "access=loud"] {
        assert!(!accepts(text), "{text}");
    }
}
