//! The sections `[git."<prefix>"]` and `[configuration.<plugin-id>]` of host.toml.

use expect_test::expect;

use super::*;

#[test]
fn a_git_section_names_the_source_of_a_token_and_is_checked() {
    let file = r#"
[git."github.com"]
token_file = "github.token"
[git."GitHub.com/Acme"]
token_command = ["bin/token", "acme"]
[git."git.example.org:8443"]
token_env = "GIT_TOKEN"
user = "oauth2"
ca_file = "/etc/ca.pem"
lfs = true
lfs_hosts = ["Storage.example.org", "cdn.example.org:8443/lfs"]
[git."public.example.org"]
ca_file = "ca.pem"
"#;
    let settings = resolved(&[], &[], file).unwrap();
    let shown: Vec<_> =
        settings.sections().map(|(key, value, origin)| format!("{key} = {value} # {origin}\n")).collect();
    expect![[r#"
        git."git.example.org:8443" = {"ca_file":"/etc/ca.pem","lfs":true,"lfs_hosts":["storage.example.org","cdn.example.org:8443/lfs"],"token_env":"GIT_TOKEN","user":"oauth2"} # file /etc/host/host.toml:6
        git."github.com" = {"token_file":"/etc/host/github.token","user":"x-access-token"} # file /etc/host/host.toml:2
        git."github.com/Acme" = {"token_command":["/etc/host/bin/token","acme"],"user":"x-access-token"} # file /etc/host/host.toml:4
        git."public.example.org" = {"ca_file":"/etc/host/ca.pem","user":"x-access-token"} # file /etc/host/host.toml:12
    "#]].assert_eq(&shown.concat());
    let environment = Environment::from_pairs(&[("PATH", "/bin"), ("PLUGIN_HOST_TOKEN", "hidden")]);
    let git = Configs::new(&settings, &environment).run.fetch.git;
    let host_fetch::TokenSource::Command { environment, .. } = git[2].token.clone().unwrap() else { unreachable!() };
    assert_eq!(environment, [("PATH".to_owned(), "/bin".to_owned())]);

    let file = r#"
[git."github.com"]
token_file = "a"
token_env = "B"
[git."https://github.com"]
[git.empty]
[git."a.example"]
token = "hidden"
tokn_file = "hidden"
user = "a:b"
[git."b.example"]
token_command = "gh auth token"
[git."c.example"]
token_env = "A=B"
lfs_hosts = ["https://storage.example.org/"]
[git."d.example"]
lfs = "yes"
lfs_hosts = ["storage.example.org"]
[git."e.example"]
lfs = true
lfs_hosts = ["-"]
[git."f.example"]
lfs = true
lfs_hosts = ["storage.example.org", "cdn.example.org", "Storage.example.org:443"]
[git."GitHub.com/Acme"]
token_file = "a"
[git."github.com/acme.git"]
token_file = "b"
[git]
host = 7
"#;
    let refusals = resolved(&[], &[], file).map(|_| ()).unwrap_err();
    expect![[r#"
        /etc/host/host.toml:2: `git."github.com"` has 2 sources of its token; set exactly one of `token_file`, `token_env` and `token_command`
        /etc/host/host.toml:5: `git."https://github.com"` does not name repositories: expected a host with an optional port and path, such as `github.com` or `git.example.org:8443/group`
        /etc/host/host.toml:6: `git."empty"` has 0 sources of its token; set exactly one of `token_file`, `token_env` and `token_command`
        /etc/host/host.toml:8: `git."a.example"` has a `token`, which is not stored in host.toml; use `token_file`, `token_env` or `token_command`
        /etc/host/host.toml:9: `git."a.example"` has the unknown key `tokn_file`; did you mean `token_file`?
        /etc/host/host.toml:10: `git."a.example"` has a `user` that is not a user name of ASCII characters without `:`
        /etc/host/host.toml:7: `git."a.example"` has 0 sources of its token; set exactly one of `token_file`, `token_env` and `token_command`
        /etc/host/host.toml:12: `git."b.example"` has a `token_command` that is not a list of a program and its arguments, such as `["gh", "auth", "token"]`
        /etc/host/host.toml:14: `git."c.example"` has a `token_env` that is not the name of an environment variable
        /etc/host/host.toml:15: `git."c.example"` has a `lfs_hosts` that is not a list of hosts, such as `["github-cloud.githubusercontent.com"]`
        /etc/host/host.toml:17: `git."d.example"` has a `lfs` that is not `true` or `false`
        /etc/host/host.toml:16: `git."d.example"` has `lfs_hosts` without `lfs = true`
        /etc/host/host.toml:16: `git."d.example"` has 0 sources of its token; set exactly one of `token_file`, `token_env` and `token_command`
        /etc/host/host.toml:21: `git."e.example"` has a `lfs_hosts` that is not a list of hosts, such as `["github-cloud.githubusercontent.com"]`
        /etc/host/host.toml:24: `git."f.example"` has `storage.example.org` in `lfs_hosts` twice
        /etc/host/host.toml:27: `git."github.com/acme.git"` names the same repositories as `git."github.com/Acme"`; keep one of them
        /etc/host/host.toml:30: `git."host"` is not a table; use `[git."<host>"]` or `[git."<host>/<owner>"]`"#]]
    .assert_eq(&refusals);
}

#[test]
fn a_plugin_section_is_converted_to_json_and_passed_on() {
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
        settings.sections().map(|(key, value, origin)| format!("{key} = {value} # {origin}\n")).collect();
    expect![[r#"
        configuration.empty = {} # file /etc/host/host.toml:11
        configuration.hello = {"api_token":"********","database":{"host":"db","password":"********","pool":{"max":1000,"ratio":0.5}},"greeting":"Hello","on":true,"servers":[{"client secret":"********","name":"a"}]} # file /etc/host/host.toml:3
        configuration.other = {"retries":16} # file /etc/host/host.toml:2
    "#]].assert_eq(&shown.concat());
    let configs = Configs::new(&settings, &Environment::default());
    let hello = &configs.run.configurations["hello"];
    assert_eq!(hello["database"]["password"], "hidden");
    assert_eq!(
        (hello["database"]["pool"]["max"].as_i64(), hello["database"]["pool"]["ratio"].as_f64()),
        (Some(1000), Some(0.5))
    );
    assert_eq!(hello["servers"][0]["client secret"][0], "hidden");
    assert_eq!(
        (configs.run.configurations["other"]["retries"].as_i64(), configs.run.configurations.len()),
        (Some(16), 3)
    );
}

#[test]
fn all_problems_in_plugin_sections_are_reported_with_their_lines() {
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
            /etc/host/host.toml:2: unknown key `configuraton`; did you mean `configuration`?
            /etc/host/host.toml:4: `configuration.hello` is not a table; use `[configuration.<plugin-id>]`
            /etc/host/host.toml:5: `configuration.system` is not a plugin id: `system` is reserved for the management API; choose another id
            /etc/host/host.toml:6: `configuration.a/b` is not a plugin id: a plugin id must contain only A-Z, a-z, 0-9, `_` and `-`, found '/'
            /etc/host/host.toml:9: `configuration.counter.started` is a date or time, which a configuration cannot contain; use a string
            /etc/host/host.toml:10: `configuration.counter.rates[1]` is an infinite number or NaN, which a configuration cannot contain; use a string
            /etc/host/host.toml:10: `configuration.counter.rates[2][0]` is an infinite number or NaN, which a configuration cannot contain; use a string
            /etc/host/host.toml:11: `configuration.counter.large` is an integer of more than 64 bits, which a configuration cannot contain; use a string
            /etc/host/host.toml:12: `configuration.counter.deep.a.b c` is a date or time, which a configuration cannot contain; use a string"#]],
    );
    check_refused(
        &[],
        &[],
        "configuration = 3",
        expect!["/etc/host/host.toml:1: `configuration` is not a table; use `[configuration.<plugin-id>]`"],
    );
}
