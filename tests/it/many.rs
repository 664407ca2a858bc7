//! Many plugins and many operations at once.

use serde_json::json;

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{built, source};

#[tokio::test]
async fn different_plugins_load_side_by_side_and_a_bad_one_among_them_stops_none() {
    let host = TestHost::start().await;
    let names = ["hello", "counter", "echo", "slow", "bad-answer", "endless-stream", "hangs-on-call", "panics-on-call"];
    let mut libraries = Vec::new();
    for name in names {
        libraries.push(built(name).await);
    }
    libraries.push(source("no-manifest"));
    libraries.push(source("bad-manifest"));
    let client = (*host).clone();
    let loads: Vec<_> = libraries
        .into_iter()
        .map(|library| {
            let client = client.clone();
            tokio::spawn(
                async move { client.post_json("/api/plugins/load", &json!({ "source": library })).await.status },
            )
        })
        .collect();
    let mut statuses = Vec::new();
    for load in loads {
        statuses.push(load.await.unwrap());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 422, 422]);
    let list = host.get("/api/plugins").await.json();
    assert_eq!(list["count"], names.len());
    for name in names {
        assert_eq!(
            (&list["plugins"][name]["generation"], &list["plugins"][name]["phase"]),
            (&json!(1), &json!("running"))
        );
    }
}

#[tokio::test]
async fn sources_are_built_side_by_side_when_there_are_slots() {
    let host = TestHost::with(&["--build-slots", "2"]).await;
    let _turn = crate::plugins::any_turn_to_build().await;
    let load = |name: &str| {
        let body = json!({ "source": source(name) });
        let client = (*host).clone();
        async move { client.post_json("/api/plugins/load", &body).await }
    };
    let (hello, counter, broken) = tokio::join!(load("hello"), load("counter"), load("does-not-compile"));
    hello.expect(200);
    counter.expect(200);
    assert_eq!(broken.expect(422).code(), "build_failed");
    host.call("hello/hello").await.expect(200);
    host.call("counter/count").await.expect(200);
}

#[tokio::test]
async fn operations_on_one_plugin_take_turns_and_all_of_them_happen() {
    let host = TestHost::start().await;
    let library = built("hello").await;
    let body = json!({ "source": library });
    let loads: Vec<_> = (0..10)
        .map(|_| {
            let (client, body) = ((*host).clone(), body.clone());
            tokio::spawn(async move { client.post_json("/api/plugins/load", &body).await.expect(200).json() })
        })
        .collect();
    let mut generations = Vec::new();
    for load in loads {
        generations.push(load.await.unwrap()["generation"].as_u64().unwrap());
    }
    generations.sort_unstable();
    assert_eq!(generations, (1..=10).collect::<Vec<_>>());
    assert_eq!(host.plugin("hello").await["generation"], 10);

    let words = ["enable", "disable", "reload", "enable", "disable", "reload", "enable"];
    let asked: Vec<_> = words
        .into_iter()
        .map(|word| {
            let client = (*host).clone();
            tokio::spawn(async move { client.post(&format!("/api/plugins/hello/{word}")).await })
        })
        .collect();
    for operation in asked {
        let answer = operation.await.unwrap();
        // A reload whose turn comes while the plugin is disabled is refused.
        if answer.status != 200 {
            assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("run_disabled")));
        }
    }
    host.post("/api/plugins/hello/enable").await.expect(200);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn many_callers_are_answered_at_once() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let callers: Vec<_> = (0..200)
        .map(|number| {
            let client = host.anonymous();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let answer = client.get(&endpoint(&format!("hello/hello/{number}"))).await.expect(200);
                    assert_eq!(answer.json()["message"], format!("Hello, {number}!"));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(host.metric(r#"plugin_host_requests_total{endpoint="GET /hello/:name",plugin="hello"}"#).await, 1000.0);
    eventually("no call is in flight", async || {
        host.metric(r#"plugin_host_in_flight_requests{plugin="hello"}"#).await == 0.0
    })
    .await;
}
