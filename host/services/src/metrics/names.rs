//! The names that metrics may have, and the name under which each is exported.

use std::collections::BTreeMap;

use host_load::{MetricDefinition, MetricKind};

use super::word;
use crate::error::quoted;

const MAX_LABELS: usize = 8;
const MAX_LABEL_BYTES: usize = 100;
const MAX_HELP_BYTES: usize = 500;
const MAX_BUCKETS: usize = 50;

/// Checks a definition; the error is one sentence.
pub(super) fn check(definition: &MetricDefinition) -> Result<(), String> {
    let MetricDefinition { kind, name, help, labels, buckets } = definition;
    if !is_word(name) {
        return Err(format!("the name of a metric must match `[a-z][a-z0-9_]{{0,63}}`, found {}", quoted(name)));
    }
    if name == "host" || name.starts_with("host_") {
        return Err(format!(
            "metric {} would be mixed with the host's own metrics; choose a name that does not start with `host_`",
            quoted(name)
        ));
    }
    if help.len() > MAX_HELP_BYTES {
        return Err(format!("the help of a metric may have at most {MAX_HELP_BYTES} bytes, found {}", help.len()));
    }
    if labels.len() > MAX_LABELS {
        return Err(format!("a metric may have at most {MAX_LABELS} labels, found {}", labels.len()));
    }
    for (label, value) in labels {
        if !is_word(label) || matches!(label.as_str(), "plugin" | "le") {
            let found = quoted(label);
            return Err(format!(
                "the name of a label must match `[a-z][a-z0-9_]{{0,63}}` and must not be `plugin` or `le`, found {found}"
            ));
        }
        if value.len() > MAX_LABEL_BYTES {
            let found = value.len();
            return Err(format!(
                "the value of label `{label}` may have at most {MAX_LABEL_BYTES} bytes, found {found}"
            ));
        }
    }
    match kind {
        MetricKind::Histogram if buckets.len() > MAX_BUCKETS => {
            Err(format!("a histogram may have at most {MAX_BUCKETS} buckets, found {}", buckets.len()))
        }
        MetricKind::Histogram
            if !buckets.iter().all(|bound| bound.is_finite()) || !buckets.is_sorted_by(|a, b| a < b) =>
        {
            Err("the buckets of a histogram must be finite numbers in increasing order".to_owned())
        }
        MetricKind::Histogram => Ok(()),
        MetricKind::Counter | MetricKind::Gauge if buckets.is_empty() => Ok(()),
        kind => Err(format!("a {} cannot have buckets", word(*kind))),
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// The exported names and the kinds that they are used for.
#[derive(Default)]
pub(super) struct Names {
    claims: BTreeMap<String, NameClaim>,
}

struct NameClaim {
    /// `None` for the `_bucket`, `_sum` and `_count` of a histogram.
    kind: Option<MetricKind>,
    n_users: usize,
}

impl Names {
    /// Claims the name under which a series is exported: the plain name, unless it is used for another kind.
    pub(super) fn claim(&mut self, name: &str, kind: MetricKind) -> String {
        let plain = format!("plugin_{name}");
        let with_kind = format!("{plain}_{}", word(kind));
        // A free name is always found, because there are fewer claims than numbers.
        let numbered = (2_u64..).map(|number| format!("{with_kind}_{number}"));
        let mut candidates = [plain, with_kind.clone()].into_iter().chain(numbered);
        let shown = candidates.find(|shown| self.fits(shown, kind)).unwrap_or(with_kind.clone());
        for (name, kind) in parts(&shown, kind) {
            self.claims.entry(name).or_insert(NameClaim { kind, n_users: 0 }).n_users += 1;
        }
        shown
    }

    /// Releases one use of an exported name.
    pub(super) fn release(&mut self, shown: &str) {
        let Some(kind) = self.claims.get(shown).and_then(|claim| claim.kind) else { return };
        for (name, _) in parts(shown, kind) {
            if let Some(claim) = self.claims.get_mut(&name) {
                claim.n_users -= 1;
            }
        }
        self.claims.retain(|_, claim| claim.n_users > 0);
    }

    fn fits(&self, shown: &str, kind: MetricKind) -> bool {
        parts(shown, kind).iter().all(|(name, kind)| self.claims.get(name).is_none_or(|claim| claim.kind == *kind))
    }
}

/// The names that a metric occupies. The sample names of a histogram belong to it alone.
fn parts(shown: &str, kind: MetricKind) -> Vec<(String, Option<MetricKind>)> {
    let mut parts = vec![(shown.to_owned(), Some(kind))];
    if kind == MetricKind::Histogram {
        parts.extend(["_bucket", "_sum", "_count"].map(|part| (format!("{shown}{part}"), None)));
    }
    parts
}
