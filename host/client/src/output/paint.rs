//! Colours: labels of messages, states in tables, and lines of cargo. The streams of [`super`] remove them unless
//! [`super::Colors`] selects them.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

const BAD: Style = AnsiColor::Red.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();
/// The style of column headings.
pub(super) const HEADING: Style = Style::new().bold();

/// The labels at the start of a message and their styles.
const LABELS: &[(&str, Style)] = &[
    ("error:", BAD.bold()),
    ("warning:", WARNING.bold()),
    ("fix:", AnsiColor::Cyan.on_default().bold()),
    ("note:", AnsiColor::Cyan.on_default().bold()),
    ("next:", AnsiColor::Cyan.on_default().bold()),
    ("try:", AnsiColor::Cyan.on_default().bold()),
];

/// Puts text into a style.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Colours the labels at the start of the lines of a message.
pub fn labels(text: &str) -> Cow<'_, str> {
    if !text.lines().any(|line| label(line).is_some()) {
        return text.into();
    }
    let mut painted = String::with_capacity(text.len() + 32);
    for line in text.split_inclusive('\n') {
        match label(line) {
            Some((label, style)) => {
                let _ = write!(painted, "{}{}", styled(style, label), &line[label.len()..]);
            }
            None => painted.push_str(line),
        }
    }
    painted.into()
}

fn label(line: &str) -> Option<(&'static str, Style)> {
    LABELS.iter().find(|(label, _)| line.starts_with(label)).copied()
}

/// Colours a line of cargo: its status word, or the label of a diagnostic of the compiler.
pub fn cargo_line(line: &str) -> Cow<'_, str> {
    let indent = line.len() - line.trim_start().len();
    let (space, text) = line.split_at(indent);
    let word = text.split([':', '[', ' ']).next().unwrap_or_default();
    let (style, end) = match word {
        "error" | "warning" if text[word.len()..].starts_with([':', '[']) => {
            let end = text.find(':').map_or(text.len(), |colon| colon + 1);
            (if word == "error" { BAD.bold() } else { WARNING.bold() }, end)
        }
        // A status word is right-aligned to twelve columns.
        _ if indent + word.len() >= 12 && word.len() > 3 && word.chars().all(char::is_alphabetic) && indent <= 12 => {
            (GOOD.bold(), word.len())
        }
        _ => return line.into(),
    };
    format!("{space}{}{}", styled(style, &text[..end]), &text[end..]).into()
}

/// Returns whether a column or row with this name has a state.
pub(super) fn has_state(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(&*name, "phase" | "goal/phase" | "health" | "state" | "status" | "result" | "outcome" | "quarantine")
}

/// The style of a state, such as `running`, `disabled/stopped` or `running: build`.
pub(super) fn of_state(state: &str) -> Style {
    let word = state.rsplit('/').next().unwrap_or(state);
    match word.split([' ', ':']).next().unwrap_or_default() {
        "running" | "healthy" | "done" | "ok" | "valid" | "enabled" | "installed" => GOOD,
        "failed" | "unhealthy" | "quarantined" | "refused" | "timed_out" | "lost" | "crashed" => BAD,
        "degraded" | "kept" | "draining" | "quiescing" | "starting" | "queued" | "cancelled" | "loading"
        | "stopping" | "expired" | "revoked" | "waiting" => WARNING,
        "stopped" | "disabled" | "unmapped" | "unknown" | "-" => FAINT,
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn shown(text: &str) -> String {
        text.replace('\u{1b}', "^")
    }

    #[test]
    fn labels_of_messages_are_coloured() {
        expect![[r#"
            ^[1m^[31merror:^[0m no host
              error: the cause

            ^[1m^[36mfix:^[0m start one"#]]
        .assert_eq(&shown(&labels("error: no host\n  error: the cause\n\nfix: start one")));
        assert_eq!(labels("no label"), "no label");
    }

    #[test]
    fn status_words_and_diagnostics_of_cargo_are_coloured() {
        for (line, expected) in [
            ("   Compiling hello v1.0.0", "   ^[1m^[32mCompiling^[0m hello v1.0.0"),
            ("    Finished `release` profile", "    ^[1m^[32mFinished^[0m `release` profile"),
            ("error[E0308]: mismatched types", "^[1m^[31merror[E0308]:^[0m mismatched types"),
            ("  warning: unused variable", "  ^[1m^[33mwarning:^[0m unused variable"),
            (" --> src/lib.rs:1:1", " --> src/lib.rs:1:1"),
            ("a line of a plugin", "a line of a plugin"),
            ("error", "error"),
            ("", ""),
        ] {
            assert_eq!(shown(&cargo_line(line)), expected);
        }
    }

    #[test]
    fn the_last_word_of_a_state_selects_its_style() {
        assert_eq!(of_state("running/failed"), BAD);
        assert_eq!(of_state("running: build"), GOOD);
        assert_eq!(of_state("disabled/stopped"), FAINT);
        assert_eq!(of_state("1.0.0"), Style::new());
    }
}
