//! Secrets of plugins.

use host_load::service::SECRETS;
use host_services::SecretSource;

use crate::support::{ALL, TestHost, ask, secrets};

#[tokio::test]
async fn a_secret_is_read_at_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret\n\n").unwrap();
    let sources = secrets(&[
        ("one", "token", SecretSource::File(path.clone())),
        // Cargo sets it for tests.
        ("one", "from-env", SecretSource::Environment("CARGO_PKG_NAME".to_owned())),
    ]);
    let host = TestHost::with(|parts| parts.secrets = sources).await;
    let plugin = host.plugin("one", ALL);
    let read = |name: &str| ask(SECRETS, "GET").param("name", name);
    assert_eq!(read("token").of(&plugin).await.text(), "s3cret\n", "one line break is the editor's");
    std::fs::write(&path, b"\xff").unwrap();
    assert_eq!(read("token").of(&plugin).await.body.as_ref(), b"\xff");
    assert_eq!(read("from-env").of(&plugin).await.text(), "host-services");
    assert_eq!(read("token").of(&host.plugin("two", ALL)).await.refusal().1, "secret_not_found");
}

#[tokio::test]
async fn an_unreadable_secret_reports_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("long"), vec![0; 65 * 1024]).unwrap();
    let file = |name: &str| SecretSource::File(folder.path().join(name));
    let sources = secrets(&[
        ("one", "none", file("none")),
        ("one", "folder", file("")),
        ("one", "long", file("long")),
        ("one", "unset", SecretSource::Environment("NO_SUCH_VARIABLE".to_owned())),
    ]);
    let host = TestHost::with(|parts| parts.secrets = sources).await;
    let plugin = host.plugin("one", ALL);
    for (name, reason) in [
        ("none", "No such file"),
        ("folder", "it is a folder; it must be a regular file of at most 64 KiB"),
        ("long", "it has 65.0 KiB; it must be a regular file of at most 64 KiB"),
        ("unset", "NO_SUCH_VARIABLE"),
    ] {
        let (status, code, detail) = ask(SECRETS, "GET").param("name", name).of(&plugin).await.refusal();
        assert_eq!((status, code.as_str()), (500, "secret_unreadable"));
        assert!(detail.contains(reason), "{detail}");
    }
}
