//! Which version is installed, over restarts.

use host_core::PluginId;
use host_state::State;

#[tokio::test]
async fn the_installed_version_is_remembered_until_the_plugin_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cats: PluginId = "cats".parse().unwrap();
    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.installed_version(&cats).await.unwrap(), None);
    state.note_installed(&cats, "1.0.0").await.unwrap();
    state.note_installed(&cats, "1.1.0").await.unwrap();
    state.close().await;

    let state = State::open(folder.path()).await.unwrap();
    assert_eq!(state.installed_version(&cats).await.unwrap().as_deref(), Some("1.1.0"));
    state.note_removed(&cats).await.unwrap();
    assert_eq!(state.installed_version(&cats).await.unwrap(), None);
}
