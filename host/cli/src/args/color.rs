//! `--color`.

use std::ffi::OsString;

use anstream::ColorChoice;
use clap::ValueEnum;

/// The choice of colours in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Finds the value among arguments that are not parsed yet. Invalid values are reported when they are parsed.
    pub(super) fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Color {
        let arguments: Vec<_> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        let mut values =
            arguments.iter().enumerate().filter_map(|(at, argument)| match argument.strip_prefix("--color") {
                Some("") => arguments.get(at + 1).map(String::as_str),
                Some(value) => value.strip_prefix('='),
                None => None,
            });
        values.next_back().and_then(|value| Color::from_str(value, false).ok()).unwrap_or_default()
    }

    /// Selects the colours of this process.
    pub(super) fn select(self) {
        match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_found_before_the_arguments_are_parsed() {
        let found = |words: &str| Color::from_arguments(words.split(' ').map(OsString::from));
        assert_eq!(found("list --color always"), Color::Always);
        assert_eq!(found("--color=never list"), Color::Never);
        for words in ["list", "list --color", "list --color sometimes", "list --colors"] {
            assert_eq!(found(words), Color::Auto, "{words}");
        }
    }
}
