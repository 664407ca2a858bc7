//! Events between plugins.

use bytes::Bytes;
use futures_util::FutureExt as _;
use host_load::ServiceBody;
use host_load::service::EVENTS;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::support::{ALL, Ask, Plugin, TestHost, ask};

fn publish(topic: &str, data: &Value) -> Ask {
    ask(EVENTS, "POST").param("topic", topic).bytes(data.to_string())
}

async fn subscribe(plugin: &Plugin, topic: &str) -> ServiceBody {
    let response = plugin.send(ask(EVENTS, "GET").param("topic", topic).request()).await;
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// The next event, if it is queued already.
fn next(stream: &mut ServiceBody) -> Option<Value> {
    let chunk: Bytes = stream.frame().now_or_never()??.unwrap().into_data().unwrap();
    Some(serde_json::from_slice(&chunk).unwrap())
}

fn is_at_end(stream: &mut ServiceBody) -> bool {
    matches!(stream.frame().now_or_never(), Some(None))
}

#[tokio::test]
async fn an_event_is_passed_to_its_subscribers() {
    let host = TestHost::start().await;
    let (one, two) = (host.plugin("one", ALL), host.plugin("two", ALL));
    let mut streams = Vec::new();
    for topic in ["*", "one/*", "one/a.b-C_1", "one/other", "two/*", "two/a.b-C_1"] {
        streams.push((topic, subscribe(&two, topic).await));
    }
    let answer = publish("a.b-C_1", &json!({"n": 1})).of(&one).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"subscribers": 3})));
    for (topic, stream) in &mut streams {
        let event = next(stream);
        assert_eq!(event.is_some(), matches!(*topic, "*" | "one/*" | "one/a.b-C_1"), "{topic}");
        if let Some(event) = event {
            assert_eq!(event["topic"], "one/a.b-C_1");
            assert_eq!(event["plugin"], "one");
            assert_eq!(event["data"], json!({"n": 1}));
            assert!(event["at_unix_ms"].as_u64().unwrap() > 1_700_000_000_000);
            assert_eq!(event.as_object().unwrap().len(), 4);
        }
        assert_eq!(next(stream), None);
    }
}

#[tokio::test]
async fn data_is_passed_unchanged() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let mut stream = subscribe(&plugin, "one/a").await;
    let data = r#"{"big": 123456789012345678901234567890, "twice": 1, "twice": 2}"#;
    ask(EVENTS, "POST").param("topic", "a").bytes(format!("\n{data} ")).of(&plugin).await;
    let chunk = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(std::str::from_utf8(&chunk).unwrap().ends_with(&format!("\"data\":{data}}}")));
}

#[tokio::test]
async fn a_waiting_subscriber_is_woken() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let mut stream = subscribe(&plugin, "*").await;
    let waiting = tokio::spawn(async move { stream.frame().await.unwrap().unwrap().into_data().unwrap() });
    tokio::task::yield_now().await;
    publish("a", &json!(1)).of(&plugin).await;
    assert!(!waiting.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_slow_subscriber_loses_the_oldest_events_and_gets_their_number() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let (mut slow, mut quick) = (subscribe(&plugin, "one/a").await, subscribe(&plugin, "one/a").await);
    for n in 0..300 {
        publish("a", &json!(n)).of(&plugin).await;
        assert_eq!(next(&mut quick).unwrap()["data"], n);
    }
    assert_eq!(next(&mut slow), Some(json!({"lost": 44})));
    for n in 44..300 {
        assert_eq!(next(&mut slow).unwrap()["data"], n);
    }
    assert_eq!(next(&mut slow), None);
    publish("a", &json!("again")).of(&plugin).await;
    assert_eq!(next(&mut slow).unwrap()["data"], "again");
}

#[tokio::test]
async fn queued_events_are_limited_in_bytes() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let mut slow = subscribe(&plugin, "one/a").await;
    for _ in 0..100 {
        assert_eq!(publish("a", &json!("x".repeat(60_000))).of(&plugin).await.status, 200);
    }
    let lost = next(&mut slow).unwrap()["lost"].as_u64().unwrap();
    let mut bytes = 0;
    while let Some(event) = next(&mut slow) {
        bytes += event.to_string().len();
    }
    assert!(lost > 0 && bytes <= 4 << 20, "{lost} {bytes}");
}

#[tokio::test]
async fn a_subscription_ends_with_its_stream_or_its_generation() {
    let host = TestHost::start().await;
    let (old, new) = (host.generation("one", 1, ALL), host.generation("one", 2, ALL));
    drop(subscribe(&old, "*").await);
    assert_eq!(host.services.events().n_subscriptions(), 0);

    let (mut of_old, mut of_new) = (subscribe(&old, "*").await, subscribe(&new, "*").await);
    publish("a", &json!(1)).of(&new).await;
    old.services.end();
    assert_eq!(host.services.events().n_subscriptions(), 1);
    publish("a", &json!(2)).of(&old).await;
    assert_eq!(next(&mut of_old).unwrap()["data"], 1, "what waited is still read");
    assert!(is_at_end(&mut of_old));
    assert_eq!(next(&mut of_new).unwrap()["data"], 1);
    assert_eq!(next(&mut of_new).unwrap()["data"], 2, "an old generation may still publish");
    let again = ask(EVENTS, "GET").param("topic", "*").of(&old).await;
    assert_eq!(again.refusal().1, "event_generation_ends");

    drop(new);
    assert!(is_at_end(&mut of_new));
    assert_eq!(host.services.events().n_subscriptions(), 0);
}

#[tokio::test]
async fn a_generation_has_a_bounded_number_of_subscriptions() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(subscribe(&plugin, "*").await);
    }
    let (status, code, _) = ask(EVENTS, "GET").param("topic", "*").of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (429, "event_too_many_subscriptions"));
    streams.pop();
    subscribe(&plugin, "*").await;
}
