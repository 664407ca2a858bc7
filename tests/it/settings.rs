//! The schema of a plugin's configuration, from its source to the store.

use crate::host::TestHost;
use crate::plugins::{built, copy};

#[tokio::test]
async fn the_schema_of_a_configuration_travels_from_the_source_to_the_artifact_and_with_its_library() {
    let host = TestHost::start().await;
    let folder = host.sources().join("settings");
    copy(built("settings").await.parent().unwrap(), &folder);
    let library = folder.join("library.so");
    let schema = std::fs::read(library.with_file_name("configuration_schema.json")).unwrap();
    host.try_load(&library).await.expect(200);
    let plugin = host.plugin("settings").await;
    let digest = plugin["file_path"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let kept = host.plugin_dir().join("artifacts").join(digest).join("configuration_schema.json");
    assert_eq!(std::fs::read(kept).unwrap(), schema);
    assert_eq!(host.call("settings/settings").await.expect(200).json()["database"]["port"], 5432);

    std::fs::remove_file(library.with_file_name("configuration_schema.json")).unwrap();
    assert_eq!(host.try_load(&library).await.expect(422).code(), "build_schema_missing");
    host.call("settings/settings").await.expect(200);
}
