//! `--color`, and the environment variables that decide without it.

use std::ffi::OsString;

use clap::ValueEnum;
use host_client::output::Colors;

use crate::config::Environment;

/// The choice of colours in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Follows the environment variables; without them, uses colours on a terminal
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

    /// Returns the colours of this process. `NO_COLOR` takes precedence over `CLICOLOR_FORCE`, and both over the
    /// terminal; an empty variable counts as not set.
    pub(super) fn colors(self, environment: &Environment) -> Colors {
        let is_set = |name| environment.get(name).is_some();
        match self {
            Color::Always => Colors::Always,
            Color::Never => Colors::Never,
            Color::Auto if is_set("NO_COLOR") => Colors::Never,
            Color::Auto if environment.get("CLICOLOR_FORCE").is_some_and(|value| value != "0") => Colors::Always,
            Color::Auto if environment.get("CLICOLOR") == Some("0") => Colors::Never,
            Color::Auto if matches!(environment.get("TERM"), None | Some("dumb")) => Colors::Never,
            Color::Auto => Colors::Terminal,
        }
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

    #[test]
    fn the_argument_decides_then_the_environment_then_the_terminal() {
        let force = ("CLICOLOR_FORCE", "1");
        for (color, variables, expected) in [
            (Color::Auto, &[][..], Colors::Terminal),
            (Color::Auto, &[("NO_COLOR", "1")], Colors::Never),
            (Color::Auto, &[("NO_COLOR", "0")], Colors::Never),
            (Color::Auto, &[force], Colors::Always),
            (Color::Auto, &[force, ("NO_COLOR", "1")], Colors::Never),
            (Color::Auto, &[force, ("CLICOLOR", "0")], Colors::Always),
            (Color::Auto, &[("CLICOLOR_FORCE", "0")], Colors::Terminal),
            (Color::Auto, &[("CLICOLOR", "0")], Colors::Never),
            (Color::Auto, &[("CLICOLOR", "1")], Colors::Terminal),
            (Color::Always, &[("NO_COLOR", "1")], Colors::Always),
            (Color::Never, &[force], Colors::Never),
        ] {
            let variables = [variables, &[("TERM", "xterm")]].concat();
            assert_eq!(color.colors(&Environment::from_pairs(&variables)), expected, "{color:?} {variables:?}");
        }
        let dumb = Environment::from_pairs(&[("TERM", "dumb")]);
        assert_eq!(Color::Auto.colors(&dumb), Colors::Never);
        assert_eq!(Color::Auto.colors(&Environment::default()), Colors::Never, "without TERM");
    }
}
