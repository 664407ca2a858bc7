//! A request that is sent twice with the same idempotency key is run once.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::host::{TestHost, eventually};
use crate::plugins;

async fn post(host: &TestHost, path: &str, key: &str, body: &Value) -> Answer {
    host.request("POST", path).header("idempotency-key", key).json(body).send().await
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_response_and_is_not_run_again() {
    let host = TestHost::start().await;
    let body = json!({ "source": plugins::built("hello").await });
    let load = "/api/plugins/load";
    let both = tokio::join!(post(&host, load, "k1", &body), post(&host, load, "k1", &body));
    let (first, second) = (both.0.expect(200), both.1.expect(200));
    assert_eq!(first.json(), second.json());
    let replayed = [&first, &second].map(|answer| answer.header("idempotency-replayed").is_some());
    assert!(replayed[0] != replayed[1], "one of them was the first");
    assert_eq!(host.plugin("hello").await["generation"], 1);

    let other = json!({ "source": body["source"], "start": false });
    assert_eq!(post(&host, load, "k1", &other).await.expect(422).code(), "idempotency_other_request");
    assert_eq!(
        post(&host, "/api/plugins/hello/reload", "k1", &json!({})).await.expect(422).code(),
        "idempotency_other_request"
    );
    assert_eq!(post(&host, load, "two words", &body).await.expect(400).code(), "idempotency_key");
    post(&host, load, "k2", &body).await.expect(200);
    assert_eq!(host.plugin("hello").await["generation"], 2, "another key is another request");

    // A request that was rejected before it started can be repeated.
    let nothing = json!({ "source": "ftp://x" });
    assert_eq!(post(&host, load, "k3", &nothing).await.expect(400).code(), "source_scheme");
    post(&host, load, "k3", &body).await.expect(200);

    // The next host knows the key, and the stored response is sealed.
    let generation = host.plugin("hello").await["generation"].clone();
    let host = host.kill_and_restart().await;
    let again = post(&host, load, "k1", &body).await.expect(200);
    assert_eq!((again.json(), again.header("idempotency-replayed")), (first.json(), Some("true")));
    assert_ne!(generation, Value::Null);
    assert_eq!(host.plugin("hello").await["generation"], 1, "it was started once, by the new host");
}

#[tokio::test]
async fn responses_with_secrets_and_requests_with_passwords_are_not_stored() {
    let host = TestHost::start().await;
    let token = json!({ "name": "ci", "role": "viewer" });
    let user = json!({ "username": "zoe", "password": "correct horse battery", "role": "viewer" });
    for (path, body, code) in [("/api/tokens", &token, "token_exists"), ("/api/users", &user, "user_exists")] {
        post(&host, path, "k", body).await.expect(201);
        let again = post(&host, path, "k", body).await.expect(409);
        assert_eq!((again.code().as_str(), again.header("idempotency-replayed")), (code, None));
    }
}

#[tokio::test]
async fn a_request_of_a_disconnected_client_is_answered_from_its_job() {
    let host = TestHost::start().await;
    let body = json!({ "source": plugins::built("hello").await });
    let watched =
        host.request("POST", "/api/plugins/load").header("idempotency-key", "k").header("prefer", "respond-async");
    let job = watched.json(&body).send().await.expect(202).json()["id"].clone();
    let again = post(&host, "/api/plugins/load", "k", &body).await;
    assert_eq!(again.expect(202).json()["id"], job);
    let place = format!("/api/jobs/{}", job.as_str().unwrap());
    eventually("the job has ended", async || host.get(&place).await.json()["state"] == "done").await;

    let failing = json!({ "source": plugins::source("bad-manifest") });
    let refused = post(&host, "/api/plugins/load", "bad", &failing).await.expect(422);
    let refused_again = post(&host, "/api/plugins/load", "bad", &failing).await.expect(422);
    assert_eq!(refused.code(), refused_again.code());
    let jobs = host.get("/api/jobs").await.json()["jobs"].clone();
    assert_eq!(jobs.as_array().unwrap().len(), 2, "{jobs}");
}
