//! Entries of the audit log.

use std::fmt;
use std::str::FromStr;

use crate::text::is_hidden;

/// The maximum number of bytes of one text of an entry. Longer texts are cut and end with `…`.
pub const MAX_TEXT_BYTES: usize = 512;

/// An entry that is not in the hash chain yet. Empty texts mean that there is no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRecord {
    /// The time in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The actor: a token's name, `login:<user>`, `operator`, `host`; empty if unknown.
    pub actor: String,
    /// The id of the actor's token.
    pub token: String,
    /// The client address.
    pub address: String,
    /// The action in the terms of the API: `plugin_load`; `job_<operation>` for the end of a job, such as `job_load`;
    /// `host_<step>` for an action of the host itself, such as `host_start`.
    pub action: String,
    /// The object: the id of a plugin, upload, job or token, the name of a user, or a source.
    pub object: String,
    /// The digest of the artifact concerned.
    pub digest: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The status of the response; 0 if there is none.
    pub status: u16,
    /// The stable error code.
    pub code: String,
    /// The job of the action.
    pub job: String,
    /// The id of the request.
    pub request: String,
    /// The sequence number of the entry with the request; 0 for none.
    pub of: u64,
    /// The number of occurrences: more than 1 only for refusals, which are aggregated.
    pub times: u64,
}

/// The outcome of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Requested, about to be executed.
    #[default]
    Asked,
    /// The action was completed.
    Done,
    /// Continues as a job.
    Accepted,
    /// The action was started and failed.
    Failed,
    /// Not executed: the caller is unknown or lacks the right.
    Refused,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Outcome; 5] = [Outcome::Asked, Outcome::Done, Outcome::Accepted, Outcome::Failed, Outcome::Refused];

    /// The stable name of the outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Asked => "asked",
            Outcome::Done => "done",
            Outcome::Accepted => "accepted",
            Outcome::Failed => "failed",
            Outcome::Refused => "refused",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a text that is not an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an outcome must be `asked`, `done`, `accepted`, `failed` or `refused`")]
pub struct OutcomeError;

impl FromStr for Outcome {
    type Err = OutcomeError;

    fn from_str(text: &str) -> Result<Outcome, OutcomeError> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or(OutcomeError)
    }
}

impl AuditRecord {
    /// Returns the entry in its stored form: control characters, line breaks and characters that disguise a text are
    /// escaped as `\u{1b}`, and `\` as `\\`.
    pub fn escaped(mut self) -> AuditRecord {
        let texts = [
            &mut self.actor,
            &mut self.token,
            &mut self.address,
            &mut self.action,
            &mut self.object,
            &mut self.digest,
            &mut self.code,
            &mut self.job,
            &mut self.request,
        ];
        for text in texts {
            if text.len() > MAX_TEXT_BYTES || text.contains(|c: char| c == '\\' || is_hidden(c)) {
                *text = escaped(text);
            }
        }
        self
    }
}

fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let before = shown.len();
        match c {
            '\\' => shown.push_str("\\\\"),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
        if shown.len() > MAX_TEXT_BYTES - '…'.len_utf8() {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_escaped() {
        for (text, expected) in [
            ("hello", "hello"),
            ("é 語", "é 語"),
            ("a\nb\r\u{1b}[31m\0", "a\\u{a}b\\u{d}\\u{1b}[31m\\u{0}"),
            ("abc\u{202e}cba\u{2066}", "abc\\u{202e}cba\\u{2066}"),
            ("\u{85}\u{2028}", "\\u{85}\\u{2028}"),
            ("\\u{1b}", "\\\\u{1b}"),
        ] {
            let entry =
                AuditRecord { object: text.to_owned(), actor: text.to_owned(), ..AuditRecord::default() }.escaped();
            assert_eq!((entry.object.as_str(), entry.actor.as_str()), (expected, expected));
        }
    }

    #[test]
    fn a_long_text_is_cut_but_never_inside_an_escape() {
        for text in ["x".repeat(600), "\u{1b}".repeat(200), "é".repeat(300)] {
            let object = AuditRecord { object: text, ..AuditRecord::default() }.escaped().object;
            assert!(object.len() <= MAX_TEXT_BYTES && object.ends_with(['…']), "{object}");
            assert_eq!(object.matches('{').count(), object.matches('}').count());
        }
    }

    #[test]
    fn an_outcome_parses_the_text_it_displays() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
        }
        assert_eq!("ok".parse::<Outcome>(), Err(OutcomeError));
    }
}
