//! Filters, label selectors and pages of the plugin list.

use std::collections::BTreeMap;
use std::str::FromStr;

use host_api as api;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::wire::problem::ApiError;

/// Maximum page size.
const MAX_LIMIT: usize = 1000;
/// Maximum number of conditions in a selector, and maximum length of a key or value.
const MAX_CONDITIONS: usize = 20;
const MAX_WORD_BYTES: usize = 200;

/// The query of a plugin list: filters (`state` to `selector`) and page (`limit`, `cursor`).
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct PluginListQuery {
    /// Only plugins in this state, as older clients know it.
    state: Option<String>,
    /// Only plugins with this health.
    health: Option<String>,
    /// Only plugins in this phase.
    phase: Option<String>,
    /// Only plugins with this goal.
    goal: Option<String>,
    /// Only enabled plugins (`true`) or only disabled plugins (`false`).
    enabled: Option<bool>,
    /// Conditions on labels, separated by commas: `key=value`, `key!=value`, `key` or `!key`.
    selector: Option<String>,
    /// Maximum number of plugins.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the previous page.
    cursor: Option<String>,
}

/// One condition of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LabelCondition {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

/// Returns the page of plugins that a query selects.
///
/// # Errors
/// A parameter has an unknown value, the limit is out of range, or the selector is invalid.
pub(crate) fn chosen(items: Vec<api::PluginItem>, query: &PluginListQuery) -> Result<api::PluginList, ApiError> {
    let selector = query.selector.as_deref().map(selector).transpose()?.unwrap_or_default();
    query.check()?;
    let mut items: Vec<_> = items.into_iter().filter(|item| query.takes(item, &selector)).collect();
    items.sort_by(|a, b| a.upper_id.cmp(&b.upper_id));
    let total = items.len();
    if let Some(cursor) = &query.cursor {
        items.retain(|item| item.upper_id > *cursor);
    }
    let limit = query.limit.unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|item| item.upper_id.clone());
    let plugins: BTreeMap<_, _> = items.into_iter().map(|item| (item.upper_id.clone(), item)).collect();
    Ok(api::PluginList { count: plugins.len(), total, next, plugins, failed_loads: vec![] })
}

impl PluginListQuery {
    /// The allowed values of the filters, in the order of the fields.
    pub(crate) const WORDS: [(&str, &[&str]); 4] = [
        ("state", &["uninstalled", "installed", "enabled", "running", "stopped", "disabled"]),
        ("health", &["healthy", "unhealthy", "degraded", "unknown"]),
        (
            "phase",
            &["fetching", "building", "loading", "running", "degraded", "draining", "stopped", "failed", "quarantined"],
        ),
        ("goal", &["installed", "running", "stopped", "disabled", "absent"]),
    ];

    /// Returns whether the query asks for the first page of all plugins, without a condition.
    pub(crate) fn lists_all_from_the_start(&self) -> bool {
        let words = [&self.state, &self.health, &self.phase, &self.goal, &self.selector, &self.cursor];
        self.enabled.is_none() && words.iter().all(|word| word.is_none())
    }

    fn check(&self) -> Result<(), ApiError> {
        let words = [&self.state, &self.health, &self.phase, &self.goal];
        for ((name, known), word) in PluginListQuery::WORDS.into_iter().zip(words) {
            if word.as_deref().is_some_and(|word| !known.contains(&word)) {
                return Err(refused(format!("`{name}` must be one of {}", known.join(", "))));
            }
        }
        if self.limit.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
            return Err(refused(format!("`limit` must be from 1 to {MAX_LIMIT}")));
        }
        if self.cursor.as_ref().is_some_and(|cursor| cursor.len() > MAX_WORD_BYTES) {
            return Err(refused("`cursor` must be the `next` of a previous response".to_owned()));
        }
        Ok(())
    }

    fn takes(&self, item: &api::PluginItem, selector: &[LabelCondition]) -> bool {
        let is = |asked: &Option<String>, found: &str| asked.as_deref().is_none_or(|asked| asked == found);
        is(&self.state, &item.state)
            && is(&self.health, &item.status.health)
            && is(&self.phase, &item.phase)
            && is(&self.goal, item.goal.as_deref().unwrap_or_default())
            && self.enabled.is_none_or(|enabled| enabled == item.enabled)
            && selector.iter().all(|condition| condition.fits(&item.metadata.labels))
    }
}

/// Parses `a=b,c!=d,e,!f`. All conditions must hold.
fn selector(text: &str) -> Result<Vec<LabelCondition>, ApiError> {
    let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > MAX_CONDITIONS {
        return Err(refused(format!("`selector` must have at most {MAX_CONDITIONS} conditions")));
    }
    parts.into_iter().map(str::parse).collect()
}

fn refused(detail: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", format!("invalid query: {detail}"))
}

impl LabelCondition {
    fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            LabelCondition::Is(key, value) => labels.get(key) == Some(value),
            LabelCondition::IsNot(key, value) => labels.get(key) != Some(value),
            LabelCondition::Has(key) => labels.contains_key(key),
            LabelCondition::HasNot(key) => !labels.contains_key(key),
        }
    }
}

impl FromStr for LabelCondition {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<LabelCondition, ApiError> {
        let word = |text: &str| {
            let text = text.trim();
            let is_word = !text.is_empty() && text.len() <= MAX_WORD_BYTES && !text.contains(['=', '!']);
            let rule = "`selector` must be conditions such as `tier=gold`, `tier!=gold`, `tier` or `!tier`, \
                separated by commas";
            is_word.then(|| text.to_owned()).ok_or_else(|| refused(rule.to_owned()))
        };
        if let Some((key, value)) = text.split_once("!=") {
            return Ok(LabelCondition::IsNot(word(key)?, word(value)?));
        }
        if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return Ok(LabelCondition::Is(word(key)?, word(value)?));
        }
        // Other programs select by `env in (a,b)`; here it would be a label that nothing has.
        if text.contains(" in ") || text.contains(" notin ") || text.contains(['(', ')']) {
            return Err(refused("`selector` has no `in` and `notin`; write `env=prod` or `env!=prod`".to_owned()));
        }
        match text.strip_prefix('!') {
            Some(key) => word(key).map(LabelCondition::HasNot),
            None => word(text).map(LabelCondition::Has),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<api::PluginItem> {
        let item = |id: &str, state: &str, labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let metadata = api::Metadata { labels, ..api::Metadata::default() };
            let (upper_id, state, enabled) = (id.to_owned(), state.to_owned(), state == "running");
            api::PluginItem { upper_id, state, enabled, metadata, ..api::PluginItem::default() }
        };
        vec![
            item("ccc", "running", &[("tier", "gold"), ("team", "a")]),
            item("aaa", "running", &[("tier", "gold")]),
            item("bbb", "disabled", &[("tier", "iron")]),
            item("ddd", "stopped", &[]),
        ]
    }

    fn ids(query: &PluginListQuery) -> String {
        match chosen(items(), query) {
            Ok(list) => {
                assert_eq!(list.count, list.plugins.len());
                let next = list.next.map(|next| format!(" next {next}")).unwrap_or_default();
                format!("{} of {}{next}", list.plugins.into_keys().collect::<Vec<_>>().join(" "), list.total)
            }
            Err(refused) => refused.detail,
        }
    }

    #[test]
    fn plugins_are_filtered_by_state_and_labels() {
        let by = |selector: &str| {
            ids(&PluginListQuery { selector: Some(selector.to_owned()), ..PluginListQuery::default() })
        };
        assert_eq!(by(""), "aaa bbb ccc ddd of 4");
        assert_eq!(by("tier=gold"), "aaa ccc of 2");
        assert_eq!(by("tier==gold, team=a"), "ccc of 1");
        assert_eq!(by("tier!=gold"), "bbb ddd of 2");
        assert_eq!(by("tier,!team"), "aaa bbb of 2");
        for text in ["=a", "a=", "a=b=c", "a!b", "env in (prod)", "env notin (a,b)", &"x".repeat(201), &"a,".repeat(21)]
        {
            assert!(by(text).contains("`selector`"), "{text}");
        }
        let state = |word: &str| ids(&PluginListQuery { state: Some(word.to_owned()), ..PluginListQuery::default() });
        assert_eq!((state("running"), state("stopped")), ("aaa ccc of 2".to_owned(), "ddd of 1".to_owned()));
        assert!(state("asleep").starts_with("invalid query: `state` must be one of uninstalled, "));
        assert_eq!(ids(&PluginListQuery { enabled: Some(false), ..PluginListQuery::default() }), "bbb ddd of 2");
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let page = |cursor: Option<&str>| {
            ids(&PluginListQuery { limit: Some(3), cursor: cursor.map(str::to_owned), ..PluginListQuery::default() })
        };
        assert_eq!(page(None), "aaa bbb ccc of 4 next ccc");
        assert_eq!(page(Some("ccc")), "ddd of 4");
        assert_eq!(page(Some("zzz")), " of 4");
        for limit in [0, 1001] {
            assert!(ids(&PluginListQuery { limit: Some(limit), ..PluginListQuery::default() }).contains("`limit`"));
        }
    }
}
