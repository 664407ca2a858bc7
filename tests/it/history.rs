//! What was asked for, when and by whom: listed, compared, asked for again, and never with a secret in it.

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::built;

const SECRET: &str = "correct horse battery";
const MASK: &str = "********";

async fn numbers(host: &TestHost, path: &str) -> Vec<u64> {
    let list = host.get(path).await.expect(200).json();
    list["revisions"].as_array().unwrap().iter().map(|revision| revision["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn every_change_is_a_revision_that_can_be_compared_and_restored() {
    let host = TestHost::start().await;
    host.load("counter").await;
    host.load("hello").await;
    let set = host.request("PUT", "/api/plugins/counter/config?reason=in+threes").json(&json!({ "step": 3 }));
    set.send().await.expect(200);
    host.post("/api/plugins/counter/disable").await.expect(200);
    // Nothing new is asked for, so there is no revision.
    host.post("/api/plugins/counter/disable").await.expect(200);

    let list = host.get("/api/plugins/counter/revisions").await.expect(200).json();
    assert_eq!(numbers(&host, "/api/plugins/counter/revisions").await, [4, 3, 1]);
    let [disabled, configured, loaded] = [0, 1, 2].map(|at| list["revisions"][at].clone());
    assert_eq!(disabled["changes"], json!([{ "pointer": "/goal", "before": "running", "after": "disabled" }]));
    assert_eq!((&disabled["actor"], &disabled["operation"]), (&json!("operator"), &json!("disable")));
    assert_eq!(configured["changes"], json!([{ "pointer": "/configuration/step", "after": 3 }]));
    assert_eq!((&configured["reason"], &configured["goal"]), (&json!("in threes"), &json!("running")));
    assert_eq!((&loaded["version"], &loaded["desired"]), (&json!("1.0.0"), &Value::Null));
    assert!(loaded["at_unix_ms"].as_u64() <= configured["at_unix_ms"].as_u64());

    // A page after the other, of one plugin and of all.
    let page = host.get("/api/plugins/revisions?limit=3").await.expect(200).json();
    assert_eq!((numbers(&host, "/api/plugins/revisions?limit=3").await, &page["next"]), (vec![4, 3, 2], &json!(2)));
    assert_eq!(numbers(&host, "/api/plugins/revisions?before=2").await, [1]);
    assert_eq!(numbers(&host, "/api/plugins/counter/revisions?limit=1&before=4").await, [3]);
    host.get("/api/plugins/revisions?limit=0").await.expect(400);

    let one = host.get("/api/plugins/counter/revisions/3").await.expect(200).json();
    assert_eq!((&one["desired"]["configuration"], &one["desired"]["goal"]), (&json!({ "step": 3 }), &json!("running")));
    for path in ["revisions/2", "revisions/2/diff", "revisions/3/diff?with=99"] {
        let unknown = host.get(&format!("/api/plugins/counter/{path}")).await.expect(404);
        assert_eq!(unknown.code(), "run_unknown_revision", "{path}");
    }
    host.get("/api/plugins/counter/revisions/three").await.expect(400);
    let diff = host.get("/api/plugins/counter/revisions/1/diff?with=4").await.expect(200).json();
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(4)));
    let pointers: Vec<_> = diff["changes"].as_array().unwrap().iter().map(|change| change["pointer"].clone()).collect();
    assert_eq!(pointers, ["/configuration/step", "/goal"]);
    let same = host.get("/api/plugins/counter/revisions/4/diff?with=4").await.expect(200).json();
    assert_eq!(same["changes"], json!([]));

    let restored = host.post("/api/plugins/counter/revisions/3/restore").await.expect(200).json();
    assert_eq!((&restored["revision"], &restored["generation"]), (&json!(5), &json!(3)));
    let count = host.anonymous().post("/api/plugin-endpoints/counter/count").await.expect(200).json();
    assert_eq!(count["count"], 3, "with the configuration of then");
    let newest = host.get("/api/plugins/counter/revisions?limit=1").await.json()["revisions"][0].clone();
    assert_eq!((&newest["operation"], &newest["reason"]), (&json!("restore"), &json!("restored revision 3")));
    assert_eq!(host.post("/api/plugins/counter/revisions/2/restore").await.expect(404).code(), "run_unknown_revision");
    host.anonymous().get("/api/plugins/revisions").await.expect(401);

    // What is gone has a history.
    host.delete("/api/plugins/counter").await.expect(200);
    let gone = host.get("/api/plugins/counter/revisions?limit=1").await.expect(200).json()["revisions"][0].clone();
    assert_eq!((&gone["goal"], &gone["version"], &gone["operation"]), (&Value::Null, &Value::Null, &json!("unload")));
    assert_eq!(host.get("/api/plugins/nothing/revisions").await.expect(404).code(), "run_unknown_plugin");
    let all = numbers(&host, "/api/plugins/revisions").await.len() as f64;
    assert_eq!(host.metric("plugin_host_revisions_total").await, all);
}

#[tokio::test]
async fn an_earlier_desired_state_stays_readable() {
    let host = TestHost::start().await;
    host.load("counter").await;
    let moment = async |revision: u64| {
        let path = format!("/api/plugins/counter/revisions/{revision}");
        host.get(&path).await.expect(200).json()["at_unix_ms"].as_u64().unwrap()
    };
    let loaded = moment(1).await;
    // Two changes within one millisecond could not be told apart.
    crate::host::eventually("a millisecond has passed", || async { now_unix_ms() > loaded }).await;
    host.load("hello").await;
    host.request("PUT", "/api/plugins/counter/config").json(&json!({ "step": 3 })).send().await.expect(200);
    host.delete("/api/plugins/counter").await.expect(200);

    let then = host.get(&format!("/api/plugins?at={loaded}")).await.expect(200).json();
    assert_eq!((&then["count"], &then["at_unix_ms"], &then["damaged"]), (&json!(1), &json!(loaded), &json!([])));
    let counter = &then["plugins"]["counter"];
    assert_eq!(
        (&counter["goal"], &counter["revision"], &counter["version"]),
        (&json!("running"), &json!(1), &json!("1.0.0"))
    );
    assert!(counter["artifact"].as_str().unwrap().starts_with("sha256:"), "{counter}");
    assert_eq!(host.get(&format!("/api/plugins/counter?at={loaded}")).await.expect(200).json(), *counter);
    let configured = moment(3).await;
    let later = host.get(&format!("/api/plugins/counter?at={configured}")).await.expect(200).json();
    assert_eq!((&later["configuration"], &later["since_unix_ms"]), (&json!({ "step": 3 }), &json!(configured)));

    for (at, count) in [("2020-01-01T00:00:00Z", 0), ("2120-01-01T00:00:00+02:00", 1)] {
        assert_eq!(host.get(&format!("/api/plugins?at={at}")).await.expect(200).json()["count"], count, "{at}");
    }
    let nothing = host.get("/api/plugins/counter?at=2120-01-01T00:00:00Z").await.expect(404);
    assert_eq!(nothing.code(), "run_unknown_plugin");
    assert_eq!(host.get("/api/plugins?at=yesterday").await.expect(400).code(), "query_does_not_fit");
}

#[tokio::test]
async fn revisions_contain_no_secrets_but_report_their_changes() {
    let host = TestHost::start().await;
    host.load("settings").await;
    let configure = async |body: Value| {
        host.request("PUT", "/api/plugins/settings/config").json(&body).send().await.expect(200);
    };
    configure(json!({ "token": SECRET })).await;
    configure(json!({ "token": MASK, "database": { "port": 1 } })).await;
    configure(json!({ "token": format!("{SECRET} staple"), "database": { "port": 1 } })).await;
    let list = host.get("/api/plugins/settings/revisions").await.expect(200);
    let changes: Vec<_> = (0..3).map(|at| list.json()["revisions"][at]["changes"].clone()).collect();
    let token = "/configuration/token";
    assert_eq!(changes[0], json!([{ "pointer": token, "before": MASK, "after": MASK }]));
    assert_eq!(
        changes[1],
        json!([{ "pointer": "/configuration/database", "after": { "port": 1 } }]),
        "the secret is the same"
    );
    assert_eq!(changes[2], json!([{ "pointer": token, "after": MASK }]));
    let mut told = list.text();
    host.delete("/api/plugins/settings").await.expect(200);
    for path in ["settings/revisions", "settings/revisions/2", "settings/revisions/2/diff?with=4", "revisions"] {
        told += &host.get(&format!("/api/plugins/{path}")).await.expect(200).text();
    }
    let at = host.get("/api/plugins/settings/revisions/4").await.json()["at_unix_ms"].clone();
    let then = host.get(&format!("/api/plugins/settings?at={at}")).await.expect(200);
    assert_eq!(then.json()["configuration"], json!({ "token": MASK, "database": { "port": 1 } }));
    told += &then.text();
    assert!(!told.contains("horse") && !told.contains("sealed"), "{told}");
}

#[tokio::test]
async fn revisions_on_the_command_line() {
    let host = TestHost::start().await;
    let run = async |words: &[&str], code: i32| {
        let output = host.command(words).await;
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(output.status.code(), Some(code), "{words:?}: {out}\n{err}");
        (out, err)
    };
    assert_eq!(run(&["revisions"], 0).await.1, "no revision matches\n");
    run(&["load", built("counter").await.to_str().unwrap(), "--reason", "a try"], 0).await;
    run(&["configure", "counter", "--set", "step=3"], 0).await;
    run(&["disable", "counter"], 0).await;
    let (list, more) = run(&["revisions", "--limit", "2"], 0).await;
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.contains("disable") && list.contains("configuration") && !list.contains("a try"), "{list}");
    assert!(more.contains("--before 2"), "{more}");
    let (list, _) = run(&["revisions", "counter", "--before", "2"], 0).await;
    assert!(list.contains("a try") && list.lines().count() == 2, "{list}");
    let (diff, between) = run(&["diff", "counter", "2"], 0).await;
    assert_eq!((diff.as_str(), between.as_str()), ("/configuration/step: nothing -> 3\n", "from revision 1 to 2\n"));
    let (diff, _) = run(&["diff", "counter", "3", "1"], 0).await;
    assert_eq!(diff, "/configuration/step: nothing -> 3\n/goal: \"running\" -> \"disabled\"\n");
    let (restored, _) = run(&["restore", "counter", "2"], 0).await;
    assert!(restored.contains("revision    4") && restored.contains("steps "), "{restored}");
    let json = run(&["revisions", "counter", "--json"], 0).await.0;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["revisions"][0]["reason"], "restored revision 2");
    run(&["restore", "counter", "99"], 1).await;
    run(&["diff", "counter", "first"], 2).await;
}

fn now_unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}
