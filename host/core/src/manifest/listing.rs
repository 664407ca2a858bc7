//! Reading of plugins.yaml and of index files under the rules for the text of plugin.yaml.

use super::reader::{File, Report};
use super::{Problem, Reader, lines, precheck, scan};

/// Reads the operator's plugins.yaml under the same rules for the text. `read` records problems with its reader.
pub(crate) fn read_plugins<T>(
    text: &[u8],
    max_bytes: usize,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let text = precheck::text(text, max_bytes).map_err(|problem| vec![problem])?;
    // The text is not repeated, because it may be a secret of a configuration.
    let hide = |problem: Problem| Problem { found: String::new(), ..problem };
    let lines = scan::scan(&text).map_err(|problems| problems.into_iter().map(hide).collect::<Vec<_>>())?;
    let value = serde_yaml::from_str(&text).map_err(|error| vec![Problem::from_yaml(&error)])?;
    let report = Report::new(&text, &lines, File::Plugins);
    let made = read(&report.root(&value));
    report.only_without_problems(made)
}

/// Reads a parsed value, which has no lines.
pub(crate) fn read_plugins_value<T>(
    value: &serde_yaml::Value,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let lines = lines::Lines::new();
    let report = Report::new("", &lines, File::Plugins);
    let made = read(&report.root(value));
    report.only_without_problems(made)
}

/// Reads a file that may be partly invalid: returns the result and all problems.
///
/// # Errors
/// The text is not the plain YAML that is accepted.
pub(crate) fn read_listing<T>(
    text: &[u8],
    max_bytes: usize,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> Result<(Option<T>, Vec<Problem>), Vec<Problem>> {
    let text = precheck::text(text, max_bytes).map_err(|problem| vec![problem])?;
    let lines = scan::scan(&text)?;
    let value = serde_yaml::from_str(&text).map_err(|error| vec![Problem::from_yaml(&error)])?;
    let report = Report::new(&text, &lines, File::Plugins);
    let made = read(&report.root(&value));
    Ok((made, report.finish().0))
}

/// Reads a parsed value, which has no lines.
pub(crate) fn read_listing_value<T>(
    value: &serde_yaml::Value,
    read: impl FnOnce(&Reader<'_>) -> Option<T>,
) -> (Option<T>, Vec<Problem>) {
    let lines = lines::Lines::new();
    let report = Report::new("", &lines, File::Plugins);
    let made = read(&report.root(value));
    (made, report.finish().0)
}
