//! The audit log: every change and refusal is recorded, and tampering is detected.

use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::host::{Options, TestHost, eventually};
use crate::plugins::built;

/// The entries that a query takes.
async fn entries(host: &TestHost, query: &str) -> Vec<Value> {
    host.get(&format!("/api/audit?{query}")).await.expect(200).json()["entries"].as_array().unwrap().clone()
}

/// Each entry as `actor action object outcome status code`.
fn shown(entries: &[Value]) -> Vec<String> {
    let word = |value: &Value| match value.as_str() {
        Some("") => "-".to_owned(),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    let line = |entry: &Value| {
        ["actor", "action", "object", "outcome", "status", "code"].map(|field| word(&entry[field])).join(" ")
    };
    entries.iter().map(line).collect()
}

async fn run(folder: &std::path::Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(folder.join("state.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_change_and_the_end_of_its_job_are_audited_before_and_after() {
    let host = TestHost::start().await;
    let library = built("hello").await;
    let body = json!({ "source": library, "config": { "password": "swordfish" } });
    let loaded = host.post_json("/api/plugins/load", &body).await.expect(200).json();
    let job = loaded["job"].as_str().unwrap();
    let told = entries(&host, "after=0").await;
    assert_eq!(
        shown(&told),
        [
            "operator plugin_load - asked 0 -",
            "operator job_load hello done 0 -",
            "operator plugin_load hello done 200 -",
        ]
    );
    let artifact = host.plugin("hello").await["file_path"].clone();
    assert_eq!((&told[1]["job"], &told[1]["digest"]), (&json!(job), &artifact));
    assert_eq!((&told[2]["job"], &told[2]["of"]), (&json!(job), &told[0]["seq"]));
    assert_eq!((&told[0]["address"], &told[0]["token_id"]), (&json!("127.0.0.1"), &json!("operator")));
    assert_eq!(told[0]["request_id"], told[2]["request_id"]);

    // One whose client does not wait, one whose client goes away, and one that fails.
    let after = |entries: &[Value]| format!("after={}", entries.last().unwrap()["seq"]);
    let request = host.request("POST", "/api/plugins/hello/disable").header("prefer", "respond-async");
    request.send().await.expect(202);
    eventually("its end is told", || async { entries(&host, "action=job_disable").await.len() == 1 }).await;
    let mut disabled = shown(&entries(&host, &after(&told)).await);
    disabled.sort_unstable();
    assert_eq!(
        disabled,
        [
            "operator job_disable hello done 0 -",
            "operator plugin_disable hello accepted 202 -",
            "operator plugin_disable hello asked 0 -",
        ]
    );
    let leaving = host.request("POST", "/api/plugins/hello/enable").open().await;
    eventually("it is asked", || async { !entries(&host, "action=plugin_enable").await.is_empty() }).await;
    drop(leaving);
    eventually("its end is told", || async {
        shown(&entries(&host, "action=plugin_enable").await)
            == ["operator plugin_enable hello asked 0 -", "operator plugin_enable hello done 200 -"]
    })
    .await;
    assert_eq!(shown(&entries(&host, "action=job_enable").await), ["operator job_enable hello done 0 -"]);
    host.post_json("/api/plugins/load", &json!({ "source": host.sources() })).await.expect(422);
    let failed = entries(&host, "action=job_load").await;
    assert_eq!((&failed[1]["outcome"], &failed[1]["object"]), (&json!("failed"), &json!(host.sources())));
    assert_ne!(failed[1]["code"], "");

    // Reads are not told, and nothing that was sent in a body is.
    let n_entries = entries(&host, "limit=1000").await.len();
    host.get("/api/plugins/hello/config").await.expect(200);
    assert_eq!(entries(&host, "limit=1000").await.len(), n_entries);
    assert!(!host.get("/api/audit?limit=1000").await.text().contains("swordfish"));

    // What the host does by itself.
    let host = host.kill_and_restart().await;
    assert_eq!(shown(&entries(&host, "actor=host").await), ["host host_start hello done 0 -"]);
    let page = host.get("/api/audit?after=0&limit=2").await.json();
    assert_eq!((page["entries"].as_array().unwrap().len(), &page["next"]), (2, &json!(2)));
    assert_eq!(host.get("/api/audit?limit=0").await.expect(400).code(), "query_does_not_fit");
    let output = host.command(&["audit", "--action", "host_start"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("host_start") && text.contains("hello"), "{text}");
}

#[tokio::test]
async fn refusals_are_audited_and_strangers_cannot_flood_the_log() {
    let host = TestHost::with(&["--max-auth-failures", "1000", "--max-auth-failures-of-all", "1000"]).await;
    let viewer = host.post_json("/api/tokens", &json!({ "name": "looker", "role": "viewer" })).await.expect(201).json();
    let looker = host.with_token(viewer["token"].as_str().unwrap());
    let user = json!({ "username": "zoe", "password": "correct horse battery", "role": "viewer" });
    host.post_json("/api/users", &user).await.expect(201);
    let login = async |password: &str| {
        let body = json!({ "username": "zoe", "password": password });
        host.anonymous().post_json("/login", &body).await
    };
    assert_eq!(login("correct horse battery").await.status, 200);
    for _ in 0..3 {
        looker.post("/api/plugins/hello/disable").await.expect(403);
    }
    looker.get("/api/users").await.expect(403);
    for _ in 0..5 {
        login("wrong horse battery").await.expect(401);
        host.anonymous().post("/api/plugins/load").await.expect(401);
    }
    let told = entries(&host, "after=0").await;
    assert_eq!(
        shown(&told),
        [
            "operator token_create - asked 0 -",
            format!("operator token_create {} done 201 -", viewer["id"].as_str().unwrap()).as_str(),
            "operator user_create - asked 0 -",
            "operator user_create zoe done 201 -",
            "login:zoe login - asked 0 -",
            "login:zoe login zoe done 200 -",
            "looker plugin_disable hello refused 403 auth_role",
            "looker user_list - refused 403 auth_role",
            "- login - refused 401 auth_login",
            "- several - refused 401 several",
            "looker plugin_disable hello refused 403 auth_role",
        ]
    );
    let times: Vec<_> = told.iter().map(|entry| entry["times"].as_u64().unwrap()).collect();
    assert_eq!(times, [1, 1, 1, 1, 1, 1, 1, 1, 1, 9, 2]);
    assert!(!told.iter().any(|entry| entry.to_string().contains("horse")));
}

#[tokio::test]
async fn changes_of_the_audit_log_are_detected() {
    let host = TestHost::start().await;
    for name in ["a1", "a2", "a3"] {
        host.post_json("/api/tokens", &json!({ "name": name, "role": "viewer" })).await.expect(201);
    }
    let verified = host.command(&["audit", "verify"]).await;
    assert!(verified.status.success(), "{verified:?}");
    let head = String::from_utf8(verified.stdout).unwrap().trim().to_owned();
    assert!(head.starts_with("6:"), "{head}");
    let folder = host.plugin_dir();
    let (options, kept) = (host.again(), host.stop_and_keep());
    let copy = std::fs::read(folder.join("state.db")).unwrap();
    for (sql, reason) in [
        ("UPDATE audit SET object = 'x' WHERE seq = 4", "entry 4: the entry was changed"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2: the entry is missing"),
        ("DELETE FROM audit WHERE seq > 4", "it ends with entry 4, before the entry of --head"),
    ] {
        std::fs::write(folder.join("state.db"), &copy).unwrap();
        run(&folder, sql).await;
        let host = options.clone().start().await;
        let verified = host.command(&["audit", "verify", "--head", &head]).await;
        assert_eq!(verified.status.code(), Some(1));
        let said = String::from_utf8(verified.stderr).unwrap();
        assert!(said.contains(reason), "{sql}: {said}");
        let report = host.get("/api/audit/verify").await.expect(200).json();
        assert_eq!(report["valid"], sql.contains("seq > 4"), "{report}");
        host.stop();
    }
    std::fs::write(folder.join("state.db"), &copy).unwrap();
    let host = options.start().await;
    assert!(host.command(&["audit", "verify", "--head", &head]).await.status.success());
    assert_eq!(host.get("/api/audit/verify?head=x").await.expect(400).code(), "query_does_not_fit");
    drop(kept);
}

#[tokio::test]
async fn a_change_that_cannot_be_audited_is_not_made() {
    if !Options::may_mount() {
        eprintln!("left out: a disk of its own may not be mounted here");
        return;
    }
    let host = TestHost::options().on_a_disk_of(24 << 20).start().await;
    let filler = host.plugin_dir().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    let asked = json!({ "name": "ci", "role": "admin" });
    let mut status = 201;
    // What the log of the database had room for is still taken.
    for n in 0..1_000 {
        let answer = host.post_json("/api/tokens", &json!({ "name": format!("n{n}"), "role": "viewer" })).await;
        status = answer.status;
        if status != 201 {
            assert_eq!(answer.code(), "state_full");
            break;
        }
    }
    assert_eq!(status, 507);
    let before = host.get("/api/tokens").await.json();
    host.post_json("/api/tokens", &asked).await.expect(507);
    host.delete(&format!("/api/tokens/{}", before["tokens"][0]["id"].as_str().unwrap_or("00000000"))).await.expect(507);
    assert_eq!(host.get("/api/tokens").await.json(), before);
    drop(file);
    std::fs::remove_file(filler).unwrap();
    host.post_json("/api/tokens", &asked).await.expect(201);
    assert_eq!(host.get("/api/audit/verify").await.json()["valid"], true);
}
