//! Several operations in one job.

use serde_json::{Value, json};

use super::{asked, states};
use crate::host::TestHost;
use crate::plugins::built;

#[tokio::test]
async fn a_batch_is_done_whole_or_as_far_as_it_goes() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.try_load_with(&built("counter").await, json!({ "step": 2 })).await.expect(200);
    let before = (asked(&host, "hello").await, asked(&host, "counter").await);
    let batch = async |operations: Value, mode: Option<&str>| {
        let mut body = json!({ "operations": operations });
        if let Some(mode) = mode {
            body["mode"] = json!(mode);
        }
        host.post_json("/api/plugins/batch", &body).await
    };
    let echo = built("echo").await;
    let operations = json!([
        { "operation": "disable", "id": "hello" },
        { "operation": "load", "source": echo },
        { "operation": "configure", "id": "counter", "patch": { "start": 9 } },
        { "operation": "restart", "id": "counter" },
        { "operation": "unload", "id": "counter", "keep_data": true },
        { "operation": "rollback", "id": "hello" },
        { "operation": "reload", "id": "echo" }
    ]);
    let problem = batch(operations.clone(), None).await.expect(409).json();
    assert_eq!(problem["code"], "run_nothing_kept");
    assert_eq!(
        states(&problem),
        [
            "undone hello".to_owned(),
            format!("undone {}", echo.display()),
            "undone counter".to_owned(),
            // A restart changes nothing that is asked for.
            "done counter".to_owned(),
            "undone counter".to_owned(),
            "failed hello".to_owned(),
            "skipped echo".to_owned()
        ]
    );
    assert_eq!((asked(&host, "hello").await, asked(&host, "counter").await), before);
    host.call("hello/hello").await.expect(200);
    let count = host.anonymous().post("/api/plugin-endpoints/counter/count").await.expect(200).json();
    assert_eq!(count["count"], 2, "with the settings of before");
    host.get("/api/plugins/echo").await.expect(404);

    let done = batch(operations, Some("best_effort")).await.expect(200).json();
    assert_eq!(done["message"], "6 of 7 operations are done");
    assert_eq!(done["parts"][5]["problem"]["code"], "run_nothing_kept");
    assert_eq!(done["parts"][6]["result"]["generation"], 3);
    host.call("hello/hello").await.expect(503);
    host.get("/api/plugins/counter").await.expect(404);
    let job = host.get(&format!("/api/jobs/{}", done["job"].as_str().unwrap())).await.expect(200).json();
    assert_eq!((&job["subject"], &job["state"]), (&json!("7 operations"), &json!("done")));
    assert_eq!(job["result"]["parts"], done["parts"]);

    let refused =
        batch(json!([{ "operation": "unload", "id": "hello" }, { "operation": "reload", "id": "a/b" }]), None).await;
    let refused = refused.expect(422).json();
    assert_eq!((&refused["code"], refused["errors"].as_array().unwrap().len()), (&json!("batch_refused"), 2));
    let refused = batch(json!([{ "operation": "explode" }, { "operation": "load" }]), None).await.expect(400).json();
    assert_eq!((&refused["code"], refused["errors"].as_array().unwrap().len()), (&json!("body_does_not_fit"), 2));
    assert_eq!(batch(json!([]), None).await.expect(422).code(), "batch_refused");
    let many = json!(vec![json!({ "operation": "stop", "id": "hello" }); 101]);
    assert_eq!(batch(many, None).await.expect(422).code(), "batch_refused");
}
