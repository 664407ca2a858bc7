//! The stored data of plugins over the management API: keys by page, values, and the removal of a key.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint};

async fn put(host: &TestHost, key: &str, value: &[u8]) {
    let request = host.anonymous().request("PUT", &endpoint(&format!("services/kv/{key}")));
    request.body(value).send().await.expect(204);
}

#[tokio::test]
async fn keys_are_listed_by_prefix_and_page_with_sizes_and_without_values() {
    let host = TestHost::start().await;
    host.load("services").await;
    for (key, value) in [("cat-1", "a"), ("cat-2", "bb"), ("cat-3", "ccc"), ("dog", "secret-value")] {
        put(&host, key, value.as_bytes()).await;
    }
    let list = async |query: &str| host.get(&format!("/api/plugins/services/kv{query}")).await.expect(200);
    let keys = |page: &Value| -> Vec<String> {
        page["keys"].as_array().unwrap().iter().map(|key| key["key"].as_str().unwrap().to_owned()).collect()
    };
    let all = list("").await;
    assert_eq!(keys(&all.json()), ["cat-1", "cat-2", "cat-3", "dog"]);
    assert_eq!((&all.json()["keys"][3]["bytes"], &all.json()["next"]), (&json!(12), &json!(null)));
    assert!(!all.text().contains("secret-value"), "{}", all.text());
    let first = list("?prefix=cat&limit=2").await.json();
    assert_eq!((keys(&first), &first["next"]), (vec!["cat-1".to_owned(), "cat-2".to_owned()], &json!("cat-2")));
    let rest = list("?prefix=cat&limit=2&after=cat-2").await.json();
    assert_eq!((keys(&rest), &rest["next"]), (vec!["cat-3".to_owned()], &json!(null)));
    for query in ["?limit=0", "?limit=1001", "?limit=x"] {
        let refused = host.get(&format!("/api/plugins/services/kv{query}")).await.expect(400);
        assert_eq!(refused.code(), "query_does_not_fit", "{query}");
    }
    assert_eq!(host.get("/api/plugins/nothing/kv").await.expect(404).code(), "run_unknown_plugin");
}

#[tokio::test]
async fn a_value_is_returned_as_text_or_base64_and_a_deleted_key_is_gone_for_the_running_plugin() {
    let host = TestHost::start().await;
    host.load("services").await;
    put(&host, "text", "Grüße\n".as_bytes()).await;
    put(&host, "bytes", &[0xff, 0x00]).await;
    let get = async |key: &str| host.get(&format!("/api/plugins/services/kv/{key}")).await;
    let text = get("text").await.expect(200).json();
    assert_eq!((&text["text"], &text["base64"], &text["bytes"]), (&json!("Grüße\n"), &json!(null), &json!(8)));
    let bytes = get("bytes").await.expect(200).json();
    assert_eq!((&bytes["text"], &bytes["base64"], &bytes["bytes"]), (&json!(null), &json!("/wA="), &json!(2)));
    let slash = get("a/b%20c").await.expect(404);
    assert_eq!((slash.code(), slash.text().contains("`a/b c`")), ("kv_not_found".to_owned(), true));
    assert_eq!(get("a%2Fb").await.expect(400).code(), "route_path");
    assert_eq!(get("nothing").await.expect(404).code(), "kv_not_found");
    assert_eq!(get("a%0Ab").await.expect(400).code(), "kv_bad_key");
    assert_eq!(get(&"a".repeat(513)).await.expect(400).code(), "kv_bad_key");

    let delete = async |key: &str| host.delete(&format!("/api/plugins/services/kv/{key}")).await;
    // A slash at the end belongs to the key: no other key is deleted.
    assert_eq!(delete("text/").await.expect(404).code(), "kv_not_found");
    delete("text").await.expect(204);
    assert_eq!(host.call("services/kv/text").await.expect(404).code(), "no_such_key");
    assert_eq!(delete("text").await.expect(404).code(), "kv_not_found");
    let audit = host.get("/api/audit?action=kv_delete&object=services").await.json();
    assert_eq!(audit["entries"][3]["object"], "services/text", "{audit}");
    let outcomes: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|entry| &entry["outcome"]).collect();
    assert_eq!(outcomes, ["asked", "failed", "asked", "done", "asked", "failed"]);
}

#[tokio::test]
async fn stored_data_is_only_for_callers_that_may_configure_the_plugin() {
    let host = TestHost::start().await;
    host.load("services").await;
    put(&host, "bowl", b"tuna").await;
    let token = async |body: Value| {
        let made = host.post_json("/api/tokens", &body).await.expect(201).json();
        host.with_token(made["token"].as_str().unwrap())
    };
    let viewer = token(json!({ "name": "viewer", "role": "viewer" })).await;
    let other = token(json!({ "name": "other", "grants": { "hello": "operator" } })).await;
    let own = token(json!({ "name": "own", "grants": { "services": "operator" } })).await;
    for path in ["/api/plugins/services/kv", "/api/plugins/services/kv/bowl"] {
        for refused in [&viewer, &other] {
            assert_eq!(refused.get(path).await.expect(403).code(), "auth_role", "{path}");
        }
        own.get(path).await.expect(200);
    }
}
