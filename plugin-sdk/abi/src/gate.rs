//! The layout check: the host compares the root symbol of a library before it trusts any type in it.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstability, AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeaderRef, IsLayoutChecked, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::type_layout::TLFieldOrFunction;

use crate::{ABI_MINOR, PluginRootRef};

/// Name of the symbol a library exports, with its terminating zero.
pub const ROOT_SYMBOL: &str = ROOT_MODULE_LOADER_NAME_WITH_NUL;

/// The reason for refusing the root of a library. Holds no reference into the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateError {
    /// The header belongs to another abi_stable, or its tests of the C calling convention failed.
    Header(String),
    /// The types differ: the innermost difference in one line, and the full report.
    Layout {
        /// The location of the difference, the host's side and the plugin's side.
        difference: String,
        /// The whole report, several hundred lines.
        report: String,
    },
    /// The library was exported without a layout to compare.
    NoLayout,
    /// The library's own constructor refused or panicked.
    Constructor(String),
}

/// Opens the root of a library: C-ABI self tests, layout comparison, constructor.
///
/// The layout is compared with fresh globals each time. abi_stable's usual path remembers layouts in process-wide
/// tables, with references into the library's own memory; after that library is closed they dangle, and the
/// comparison of the next, differently shaped library reads them.
///
/// abi_stable accepts a table that has grown, but not a table that is older. `plugin_minor`, the ABI minor version that
/// the library was built with, therefore decides which side is compared as the newer one.
///
/// # Errors
/// [`GateError`], as text that does not point into the library.
///
/// # Safety
/// `header` must be the address of the symbol [`ROOT_SYMBOL`] of a library that stays mapped while the returned
/// root, or anything got from it, is used.
pub unsafe fn open_root(header: *const (), plugin_minor: u32) -> Result<PluginRootRef, GateError> {
    // SAFETY: `AbiHeaderRef` is a transparent pointer to the header that every abi_stable library starts its root
    // symbol with; the caller promises that `header` is that symbol.
    let header: AbiHeaderRef = unsafe { std::mem::transmute(header) };
    let header: &'static LibHeader = header.upgrade().map_err(|error| GateError::Header(first_line(&error)))?;
    let IsLayoutChecked::Yes(found) = header.root_mod_consts().layout() else { return Err(GateError::NoLayout) };
    let known = <PluginRootRef as StableAbi>::LAYOUT;
    let host_is_newer = plugin_minor < ABI_MINOR;
    let (older, newer) = if host_is_newer { (found, known) } else { (known, found) };
    check_layout_compatibility_with_globals(older, newer, &CheckingGlobals::new()).map_err(|errors| {
        GateError::Layout { difference: difference(&errors, host_is_newer), report: errors.to_string() }
    })?;
    // SAFETY: the layout was compared just above.
    unsafe { header.init_root_module_with_unchecked_layout::<PluginRootRef>() }
        .map_err(|error| GateError::Constructor(first_line(&error)))
}

/// The innermost difference of a report, as ``at `a.b.c`: the host has X, the plugin has Y``.
fn difference(errors: &AbiInstabilityErrors, host_is_newer: bool) -> String {
    let Some(deepest) = errors.errors.iter().filter(|e| !e.errs.is_empty()).max_by_key(|e| e.stack_trace.len()) else {
        return "in a way that the comparison does not describe".to_owned();
    };
    let place = deepest
        .stack_trace
        .iter()
        .map(|step| match step.expected {
            TLFieldOrFunction::Field(field) => field.name().to_owned(),
            TLFieldOrFunction::Function(function) => format!("{}()", function.name),
        })
        .collect::<Vec<_>>()
        .join(".");
    let what = deepest.errs.iter().map(|error| one_line(error, host_is_newer)).next_back().unwrap_or_default();
    format!("at `{place}`: {what}")
}

/// Describes one difference; the older side is the expected one.
fn one_line(error: &AbiInstability, host_is_newer: bool) -> String {
    use AbiInstability as A;
    let both = |what: &str, older: &dyn std::fmt::Display, newer: &dyn std::fmt::Display| {
        let short = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (host, plugin) = if host_is_newer { (newer, older) } else { (older, newer) };
        format!("{what}: the host has {}, the plugin has {}", short(host.to_string()), short(plugin.to_string()))
    };
    match error {
        A::Name(v) => both("type", &v.expected, &v.found),
        A::Package(v) => both("package", &v.expected, &v.found),
        A::PackageVersion(v) => both("package version", &v.expected, &v.found),
        A::Size(v) => both("size in bytes", &v.expected, &v.found),
        A::Alignment(v) => both("alignment in bytes", &v.expected, &v.found),
        A::FieldCountMismatch(v) => both("number of fields", &v.expected, &v.found),
        A::UnexpectedField(v) => both("field", &v.expected.name(), &v.found.name()),
        A::MismatchedPrimitive(v) => {
            let word = |primitive| format!("{primitive:?}").to_lowercase();
            both("type", &word(v.expected), &word(v.found))
        }
        A::MismatchedPrefixSize(v) => both("number of first functions", &v.expected, &v.found),
        A::TooManyVariants(v) => both("number of variants", &v.expected, &v.found),
        other => {
            let text = format!("{other:?}");
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
        }
    }
}

fn first_line(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    line.chars().take(300).collect()
}
