//! The layers of a configuration, and changes of the operator's layer.
//!
//! Each layer is merged into the layers below it by RFC 7396: objects key by key at every depth, a null removes a key,
//! and all other values, including lists, replace the lower value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{MASK, Schema, Violation, mask, pointer};

/// The layers of a configuration, from the lowest to the highest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    /// The defaults of plugin.yaml.
    pub defaults: Map<String, Value>,
    /// The values of the host's configuration file.
    pub host_file: Map<String, Value>,
    /// The values that the operator set at run time; the only layer that is stored in the state database.
    pub operator: Map<String, Value>,
}

impl Layers {
    /// Returns the effective configuration of the plugin.
    pub fn effective(&self) -> Map<String, Value> {
        let mut effective = self.defaults.clone();
        merge(&mut effective, &self.host_file);
        merge(&mut effective, &self.operator);
        effective
    }

    /// Returns the layers with a new operator's layer, as sent by a PUT.
    ///
    /// A [`MASK`] in the place of a secret keeps the current secret: it is copied from the operator's layer, or the key
    /// is omitted if a lower layer has it. In lists this applies to entries that are otherwise unchanged, at any
    /// position.
    ///
    /// # Errors
    /// A violation for each mask without a corresponding or unambiguous secret.
    pub fn with_operator(&self, schema: &Schema, mut operator: Map<String, Value>) -> Result<Layers, Vec<Violation>> {
        let given = Value::Object(operator.clone());
        let is_mask = |pointer: &String| given.pointer(pointer).and_then(Value::as_str) == Some(MASK);
        let masks: BTreeSet<String> = schema.secrets(&operator).into_iter().filter(is_mask).collect();
        if !masks.is_empty() {
            let effective = self.effective();
            let shown = mask(&effective, &schema.secrets(&effective));
            let mut unmask = Unmask { masks, violations: vec![] };
            let before = Before { own: Some(&self.operator), effective: Some(&effective), shown: Some(&shown) };
            unmask.object(&mut operator, before, "");
            if !unmask.violations.is_empty() {
                return Err(unmask.violations);
            }
        }
        Ok(Layers { operator, ..self.clone() })
    }

    /// Returns the layers with a merge patch applied to the operator's layer. A null removes the operator's value, so
    /// that the lower layers apply; masks are handled as in [`Layers::with_operator`].
    ///
    /// # Errors
    /// The errors of [`Layers::with_operator`].
    pub fn with_patch(&self, schema: &Schema, patch: &Map<String, Value>) -> Result<Layers, Vec<Violation>> {
        let mut operator = self.operator.clone();
        merge(&mut operator, patch);
        self.with_operator(schema, operator)
    }
}

/// Applies a merge patch, as in RFC 7396.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    match target {
        Value::Object(target) => merge(target, patch),
        _ => {
            let mut merged = Map::new();
            merge(&mut merged, patch);
            *target = Value::Object(merged);
        }
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge_patch(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Puts secrets into the places of masks.
struct Unmask {
    /// The pointers of the masks.
    masks: BTreeSet<String>,
    violations: Vec<Violation>,
}

/// The earlier values of an object: in the operator's layer, in the effective configuration, and as shown with masks.
#[derive(Clone, Copy)]
struct Before<'a> {
    own: Option<&'a Map<String, Value>>,
    effective: Option<&'a Map<String, Value>>,
    shown: Option<&'a Map<String, Value>>,
}

impl Unmask {
    fn object(&mut self, new: &mut Map<String, Value>, before: Before<'_>, at: &str) {
        let mut given_below = vec![];
        for (key, value) in new.iter_mut() {
            let place = pointer::join(at, key);
            let own = before.own.and_then(|own| own.get(key));
            let effective = before.effective.and_then(|effective| effective.get(key));
            let shown = before.shown.and_then(|shown| shown.get(key));
            if self.masks.contains(&place) {
                match (own.filter(|own| !own.is_null()), effective) {
                    (Some(own), _) => *value = own.clone(),
                    (None, Some(_)) => given_below.push(key.clone()),
                    (None, None) => self.refuse(place, "stands for a secret, but no secret is set"),
                }
                continue;
            }
            if !self.masks.iter().any(|mask| pointer::is_within(mask, &place)) {
                continue;
            }
            match value {
                Value::Object(new) => {
                    let before = Before {
                        own: own.and_then(Value::as_object),
                        effective: effective.and_then(Value::as_object),
                        shown: shown.and_then(Value::as_object),
                    };
                    self.object(new, before, &place);
                }
                Value::Array(new) => {
                    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
                    self.list(new, &list(effective), &list(shown), &place);
                }
                _ => {}
            }
        }
        for key in given_below {
            new.remove(&key);
        }
    }

    /// List entries have no names, so an entry with masks is identified by its other fields.
    fn list(&mut self, new: &mut [Value], before: &[Value], shown: &[Value], at: &str) {
        let given = new.to_vec();
        for (n, entry) in new.iter_mut().enumerate() {
            let place = format!("{at}/{n}");
            let masks: Vec<_> = self.masks.iter().filter(|mask| pointer::is_within(mask, &place)).cloned().collect();
            let Some(first) = masks.first() else { continue };
            let shown_so = shown.iter().zip(before).filter(|(shown, _)| **shown == given[n]);
            let found: Vec<&Value> = shown_so.map(|(_, before)| before).collect();
            let nth = given[..n].iter().filter(|other| **other == given[n]).count();
            let is_one = found.windows(2).all(|pair| pair[0] == pair[1]);
            let are_all_there = given.iter().filter(|other| **other == given[n]).count() == found.len();
            match (found.first(), found.get(nth)) {
                (Some(before), _) if is_one => *entry = (*before).clone(),
                (Some(_), Some(before)) if are_all_there => *entry = (*before).clone(),
                (Some(_), _) => self.refuse(first.clone(), "could stand for more than one secret"),
                (None, _) => {
                    self.refuse(first.clone(), "stands for a secret in a list entry that is new or was changed")
                }
            }
        }
    }

    fn refuse(&mut self, pointer: String, why: &str) {
        self.violations.push(Violation::new(pointer, format!("`{MASK}` {why}; send the secret itself")));
    }
}

#[cfg(test)]
mod tests;
