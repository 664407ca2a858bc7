//! A report of what each gate finds in a library file.

mod facts;

use std::path::Path;
use std::time::Duration;

use host_core::Manifest;
use host_core::manifest::Mode;
use host_store::{Provenance, Store};
use serde::{Deserialize, Serialize};

use crate::{Error, Module, library_header};
pub use facts::{Facts, facts};

/// The result of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The gate.
    pub gate: Gate,
    /// Whether the file passed; `None` if nothing was compared.
    pub passed: Option<bool>,
    /// The evidence.
    pub evidence: String,
    /// The stable error code of the refusal.
    pub code: Option<String>,
    /// The fix for a refusal.
    pub fix: Option<String>,
}

/// A check between a file and its first call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// Gate 0: the contents of the file.
    File,
    /// Gate 1: the dynamic linker opens it, and its constructors run.
    Open,
    /// Gate 2: the ABI types have the same layout on both sides.
    Layout,
    /// Code and plugin.yaml declare the same routes.
    Routes,
}

/// Gate 0: the result of [`library_header`] for a file.
pub fn file_gate(file: &[u8]) -> Finding {
    match library_header(file) {
        Ok(header) => {
            Finding::passed(Gate::File, format!("{}, ABI {}, SDK {}", header.package, header.abi, header.sdk))
        }
        Err(error) => Finding::refused(Gate::File, &error),
    }
}

// === gates 1 and 2 ===

/// Gates 1 and 2, and the routes where there is a manifest to compare them with. This runs the library's constructors:
/// a process that must survive a crash runs this in a child process.
///
/// The store must be private, because the library becomes an artifact in it.
///
/// # Errors
/// The library could not be put into the store.
pub async fn open_gates(
    store: &Store,
    library: &Path,
    manifest: Option<&Manifest>,
    timeout: Duration,
) -> Result<Vec<Finding>, host_store::Error> {
    let artifact = store.put_artifact(library, b"", host_store::Schemas::default(), &Provenance::of_file(library))?;
    let placeholder = placeholder_manifest();
    let opened = Module::open(store, &artifact, manifest.unwrap_or(&placeholder), 0, timeout).await;
    let (open, layout) = (
        || Finding::passed(Gate::Open, "the dynamic linker opened it, and its constructors ran".to_owned()),
        || Finding::passed(Gate::Layout, format!("its types are those of ABI {}", crate::abi_version())),
    );
    Ok(match (opened, manifest) {
        (Ok(_) | Err(Error::CodeDiffers { .. }), None) => {
            let evidence = "there is no plugin.yaml beside the library to compare them with".to_owned();
            let routes = Finding { gate: Gate::Routes, passed: None, evidence, code: None, fix: None };
            vec![open(), layout(), routes]
        }
        (Ok(_), Some(manifest)) => {
            let routes = format!("code and plugin.yaml name the same {} routes", manifest.endpoints.len());
            vec![open(), layout(), Finding::passed(Gate::Routes, routes)]
        }
        (Err(error @ Error::CodeDiffers { .. }), Some(_)) => {
            vec![open(), layout(), Finding::refused(Gate::Routes, &error)]
        }
        (Err(error @ (Error::LayoutDiffers { .. } | Error::BrokenHeader { .. })), _) => {
            vec![open(), Finding::refused(Gate::Layout, &error)]
        }
        (Err(error), _) => vec![Finding::refused(Gate::Open, &error)],
    })
}

/// Returns a placeholder manifest for a library without plugin.yaml. Its route never matches the code, and that
/// difference is not reported.
fn placeholder_manifest() -> Manifest {
    const TEXT: &[u8] = b"id: stand-in\nname: x\nversion: 0.0.0\nendpoints: [{path: /, method: GET, handler: x}]\n";
    Manifest::check(TEXT, Mode::Normal).expect("a test reads it").manifest
}

// === impl Finding ===

impl Finding {
    fn passed(gate: Gate, evidence: String) -> Finding {
        Finding { gate, passed: Some(true), evidence, code: None, fix: None }
    }

    fn refused(gate: Gate, error: &Error) -> Finding {
        let mut evidence = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            evidence = format!("{evidence}: {source}");
        }
        Finding { gate, passed: Some(false), evidence, code: Some(error.code().to_owned()), fix: error.fix() }
    }

    /// The finding for a gate at which the child process crashed or was killed.
    pub fn lost(gate: Gate, evidence: String) -> Finding {
        let fix = "look for code that runs when the library is loaded: constructors, `ctor`, C++ statics".to_owned();
        Finding { gate, passed: Some(false), evidence, code: Some("load_trial_crashed".to_owned()), fix: Some(fix) }
    }
}

impl Gate {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Gate::File => "file",
            Gate::Open => "open",
            Gate::Layout => "layout",
            Gate::Routes => "routes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placeholder_is_a_manifest() {
        assert_eq!(placeholder_manifest().endpoints.len(), 1);
    }
}
