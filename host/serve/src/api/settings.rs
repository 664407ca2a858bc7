//! The settings of the host: list and change.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Size;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use crate::access::caller::Caller;
use crate::state::AppState;
use crate::state::settings::{Changed, RequestedSettings, SectionView, SettingView, Settings, SettingsRefused};
use crate::wire::compression;
use crate::wire::input::RequiredJson;
use crate::wire::problem::ApiError;

/// Keys of the response that are not settings. They are ignored when they are sent back.
const NOT_SETTINGS: [&str; 7] = ["message", "changed", "warnings", "origins", "pending", "fixed", "sections"];
/// The switch that older clients use instead of the mode.
const SECURITY_ENABLED: &str = "security_enabled";
const SECURITY_MODE: &str = "security_mode";
/// Older clients expect this setting as a text.
const CACHE_MAX_SIZE: &str = "cache_max_size";

pub(crate) async fn get(State(app): State<AppState>) -> Result<Response, ApiError> {
    let settings = settings(&app)?;
    let (views, sections) = blocking(move || (settings.settings(), settings.sections())).await?;
    Ok(answer(&views, sections, Changed::default(), String::new()))
}

/// Changes settings. The body is the whole object of GET or a part of it.
pub(crate) async fn put(
    State(app): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    RequiredJson(asked): RequiredJson<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let settings = settings(&app)?;
    let expected = compression::required_etag(&headers)?.map(|tag| tag.trim_matches('"').to_owned());
    let actor = caller.principal.name.clone();
    let (views, sections, changed) = blocking(move || {
        let mut ask = |now: &[SettingView]| {
            if expected.as_ref().is_some_and(|expected| *expected != tag(now)) {
                return Err(SettingsRefused::Stale);
            }
            translated(asked.clone(), now)
        };
        let changed = settings.change(&mut ask, &actor)?;
        Ok((settings.settings(), settings.sections(), changed))
    })
    .await?
    .map_err(refused)?;
    let message = message(&changed.changed, &views);
    Ok(answer(&views, sections, changed, message))
}

/// Describes a change: the keys, and which of them take effect at the next start of the host.
fn message(changed: &[String], views: &[SettingView]) -> String {
    let is_pending = |key: &&String| views.iter().any(|view| view.key == key.as_str() && view.pending.is_some());
    let (pending, now): (Vec<_>, Vec<_>) = changed.iter().partition(is_pending);
    let list = |keys: &[&String]| keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
    match (now.as_slice(), pending.as_slice()) {
        ([], []) => "no setting was changed".to_owned(),
        (now, []) => format!("changed: {}", list(now)),
        ([], pending) => format!("changed, from the next start of the host on: {}", list(pending)),
        (now, pending) => format!("changed: {}; from the next start of the host on: {}", list(now), list(pending)),
    }
}

fn settings(app: &AppState) -> Result<Arc<dyn Settings>, ApiError> {
    app.settings.clone().ok_or_else(|| {
        let detail = "the settings of this host cannot be read or changed over the API";
        ApiError::new(StatusCode::CONFLICT, "settings_not_here", detail)
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::from(host_run::Error::Panicked))
}

/// Converts a request to setting changes: translates the keys of older clients, and removes values that were only
/// sent back.
///
/// # Errors
/// [`SettingsRefused::Values`] for a switch that is neither on nor off.
fn translated(mut asked: Map<String, Value>, now: &[SettingView]) -> Result<RequestedSettings, SettingsRefused> {
    for key in NOT_SETTINGS {
        asked.remove(key);
    }
    let shown = shown(now);
    let ignores_unknown_keys = asked.keys().any(|key| shown.contains_key(key));
    if let Some(switch) = asked.remove(SECURITY_ENABLED) {
        let mode_is_asked = asked.get(SECURITY_MODE).is_some_and(|mode| shown.get(SECURITY_MODE) != Some(mode));
        match (switch.as_bool(), shown.get(SECURITY_ENABLED).and_then(Value::as_bool)) {
            (Some(switch), Some(is_on)) if switch != is_on && mode_is_asked => {
                let is_permissive = asked.get(SECURITY_MODE).and_then(Value::as_str) == Some("permissive");
                if switch == is_permissive {
                    let reason = format!("`{SECURITY_ENABLED}` contradicts `{SECURITY_MODE}`; send one of them");
                    return Err(SettingsRefused::Values(vec![(SECURITY_ENABLED.to_owned(), reason)]));
                }
            }
            (Some(switch), Some(is_on)) if switch != is_on => {
                let mode = if switch { "normal" } else { "permissive" };
                asked.insert(SECURITY_MODE.to_owned(), mode.into());
            }
            (Some(_), _) => {}
            (None, _) => {
                let found = host_core::shown(&switch.to_string(), 80);
                let reason = format!("`{SECURITY_ENABLED}` is `{found}`, expected true or false");
                return Err(SettingsRefused::Values(vec![(SECURITY_ENABLED.to_owned(), reason)]));
            }
        }
    }
    // A value that equals the current one is not a change.
    asked.retain(|key, value| shown.get(key) != Some(value));
    Ok(RequestedSettings { values: asked, ignores_unknown_keys })
}

/// The settings by key, as clients see them.
fn shown(views: &[SettingView]) -> Map<String, Value> {
    let mut shown: Map<_, _> = views.iter().map(|view| (view.key.to_owned(), view.value.clone())).collect();
    if let Some(bytes) = shown.get(CACHE_MAX_SIZE).and_then(Value::as_u64) {
        shown.insert(CACHE_MAX_SIZE.to_owned(), Size::new(bytes).as_setting().into());
    }
    let is_on = shown.get(SECURITY_MODE).and_then(Value::as_str) != Some("permissive");
    shown.insert(SECURITY_ENABLED.to_owned(), is_on.into());
    shown
}

fn answer(views: &[SettingView], sections: Vec<SectionView>, changed: Changed, message: String) -> Response {
    let pending = views.iter().filter_map(|view| Some((view.key.to_owned(), view.pending.clone()?)));
    let origins = views.iter().map(|view| (view.key.to_owned(), view.origin.clone()));
    let of_sections = sections.iter().map(|section| (section.key.clone(), section.origin.clone()));
    let answer = api::SystemConfiguration {
        message,
        changed: changed.changed,
        warnings: changed.warnings,
        origins: origins.chain(of_sections).collect(),
        pending: pending.collect(),
        fixed: views.iter().filter(|view| view.fixed).map(|view| view.key.to_owned()).collect(),
        sections: sections.into_iter().map(|section| (section.key, section.value)).collect(),
        settings: shown(views),
    };
    let mut response = Json(answer).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", tag(views))) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The tag of the settings. It changes with every used or pending value.
fn tag(views: &[SettingView]) -> String {
    let mut writer = host_core::DigestWriter::new();
    for view in views {
        let pending = view.pending.as_ref().map(Value::to_string).unwrap_or_default();
        writer.field(view.key.as_bytes()).field(view.value.to_string().as_bytes()).field(pending.as_bytes());
    }
    writer.finish().short()
}

fn refused(refused: SettingsRefused) -> ApiError {
    match refused {
        SettingsRefused::Stale => {
            let detail = "the settings were changed since this `ETag` was returned";
            ApiError::new(StatusCode::PRECONDITION_FAILED, "settings_stale", detail)
                .fix("repeat the change with the current `ETag`, as returned by GET")
        }
        SettingsRefused::Values(values) => {
            let list = values.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>().join("; ");
            let detail = format!("no setting was changed: {list}");
            let error = |(key, message): (String, String)| api::FieldError { pointer: format!("/{key}"), message };
            let errors = values.into_iter().map(error).collect();
            let refused = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "settings_refused", detail);
            ApiError { errors, ..refused }
        }
        SettingsRefused::Failed(error) => ApiError::from(&error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn views() -> Vec<SettingView> {
        let view = |key, value| SettingView { key, value, origin: "default".to_owned(), pending: None, fixed: false };
        vec![view("security_mode", json!("normal")), view("cache_max_size", json!(1 << 30)), view("port", json!(4000))]
    }

    #[test]
    fn the_message_names_only_changed_settings_as_pending() {
        let mut views = views();
        views[2].pending = Some(json!(1));
        let said = |keys: &[&str]| message(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>(), &views);
        assert_eq!(said(&[]), "no setting was changed");
        assert_eq!(said(&["security_mode"]), "changed: security_mode", "the port was changed before");
        assert_eq!(said(&["port"]), "changed, from the next start of the host on: port");
        let both = "changed: security_mode; from the next start of the host on: port";
        assert_eq!(said(&["security_mode", "port"]), both);
    }

    #[test]
    fn values_sent_back_unchanged_are_not_changes() {
        let asked = |value: Value| translated(value.as_object().cloned().unwrap(), &views()).unwrap();
        let whole = Value::Object(shown(&views()));
        assert_eq!(whole["cache_max_size"], "1GiB");
        assert_eq!(asked(whole), RequestedSettings { values: Map::new(), ignores_unknown_keys: true });
        let sent_back = json!({ "message": "x", "origins": {}, "pending": { "port": 1 } });
        assert_eq!(asked(sent_back), RequestedSettings::default());
        let change = |value: Value| Value::Object(asked(value).values);
        assert_eq!(change(json!({ "port": 1, "x": null })), json!({ "port": 1, "x": null }));
        assert_eq!(change(json!({ "security_enabled": false })), json!({ "security_mode": "permissive" }));
        let both = json!({ "security_enabled": false, "security_mode": "permissive" });
        assert_eq!(change(both), json!({ "security_mode": "permissive" }));
        let both = json!({ "security_enabled": false, "security_mode": "strict" });
        assert!(translated(both.as_object().cloned().unwrap(), &views()).is_err());
        let unclear = json!({ "security_enabled": "no" });
        let refused = translated(unclear.as_object().cloned().unwrap(), &views()).unwrap_err();
        let SettingsRefused::Values(values) = refused else { panic!("{refused:?}") };
        assert_eq!(values[0].1, "`security_enabled` is `\"no\"`, expected true or false");
        assert!(!asked(json!({ "prot": 1 })).ignores_unknown_keys);
    }
}
