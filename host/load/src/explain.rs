//! What the gates see of a library file, gate by gate, for whoever wants to know why it fits or not.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use host_core::Manifest;
use host_core::manifest::Mode;
use host_store::{Provenance, Store};
use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, elf};
use plugin_sdk_abi::{ROOT_SYMBOL, metadata};
use serde::{Deserialize, Serialize};

use crate::{Error, Module, probe};

/// How many names of symbols are worth showing.
const MAX_NAMES: usize = 5;

/// What a file says about itself, whether or not it is a plugin. Whatever is missing or broken is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What kind of file it is, in words.
    pub kind: String,
    /// What the metadata section says; `None` without one that can be read.
    pub metadata: Option<BTreeMap<String, String>>,
    /// What compiled it, as the compiler wrote it into the file.
    pub compiler: Option<String>,
    /// The libraries that the dynamic linker must find.
    pub needed: Vec<String>,
    /// Where else than in the system's folders it looks for them.
    pub search_path: Option<String>,
    /// The newest version of glibc that it asks for.
    pub glibc: Option<String>,
    /// Whether it exports the symbol that the host starts at.
    pub has_root_symbol: bool,
    /// What keeps it in memory after it is closed: one sentence each.
    pub warnings: Vec<String>,
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which gate.
    pub gate: Gate,
    /// Whether the file passed; `None` when nothing was compared.
    pub passed: Option<bool>,
    /// What was seen.
    pub evidence: String,
    /// The stable word of the refusal.
    pub code: Option<String>,
    /// What to do about the refusal.
    pub fix: Option<String>,
}

/// What stands between a file and its first call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// Gate 0: what the file says about itself.
    File,
    /// Gate 1: the dynamic linker opens it, and its constructors run.
    Open,
    /// Gate 2: the types at the boundary have the same layout on both sides.
    Layout,
    /// Code and plugin.yaml name the same routes.
    Routes,
}

// === the file ===

/// Reads what a file says about itself. Never fails: a file that is no library is described as what it is.
pub fn facts(file: &[u8]) -> Facts {
    let mut facts = Facts { kind: kind(file), ..Facts::default() };
    let Ok(library) = ElfFile64::<Endianness>::parse(file) else { return facts };
    let section = |name| library.section_by_name(name).and_then(|section| section.data().ok());
    facts.metadata = section(metadata::SECTION).and_then(metadata::read).and_then(read_metadata);
    facts.compiler = section(".comment")
        .and_then(|data| data.split(|byte| *byte == 0).find(|text| text.starts_with(b"rustc")))
        .map(lossy);
    let root = ROOT_SYMBOL.trim_end_matches('\0');
    facts.has_root_symbol = library.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.name() == Ok(root));
    let mut stays = false;
    if let Ok(table) = library.elf_dynamic_table() {
        for entry in &table {
            let text = || table.string(entry).ok().map(lossy);
            match entry.tag {
                elf::DT_NEEDED => facts.needed.extend(text()),
                elf::DT_RUNPATH | elf::DT_RPATH => facts.search_path = text(),
                elf::DT_FLAGS_1 => stays = entry.val & elf::DF_1_NODELETE.0 != 0,
                _ => {}
            }
        }
    }
    facts.glibc = newest_glibc(&library);
    if stays {
        facts.warnings.push("it is marked DF_1_NODELETE: the linker never takes it out of memory again".to_owned());
    }
    facts.warnings.extend(unique_symbols(&library));
    facts
}

/// Gate 0: what [`probe`] says of a file.
pub fn file_gate(file: &[u8]) -> Finding {
    match probe(file) {
        Ok(probe) => Finding::passed(Gate::File, format!("{}, ABI {}, SDK {}", probe.package, probe.abi, probe.sdk)),
        Err(error) => Finding::refused(Gate::File, &error),
    }
}

fn kind(file: &[u8]) -> String {
    let starts = |magic: &[u8]| file.starts_with(magic);
    let text = match file {
        [] => "an empty file",
        _ if starts(b"\x7fELF") => return elf_kind(file),
        _ if starts(b"PK\x03\x04") => "a ZIP archive",
        _ if starts(b"!<arch>\n") => "a static library or `.rlib`",
        _ if starts(b"#!") => "a script",
        _ if starts(b"MZ") => "a Windows program or DLL",
        _ if starts(b"\xcf\xfa\xed\xfe") || starts(b"\xca\xfe\xba\xbe") => "a macOS program or library",
        _ if starts(b"\0asm") => "a WebAssembly module",
        _ if std::str::from_utf8(&file[..file.len().min(512)]).is_ok() => "a text",
        _ => "no ELF file",
    };
    text.to_owned()
}

/// The first bytes of an ELF file, which have the same places in all classes.
fn elf_kind(file: &[u8]) -> String {
    let class = match file.get(4) {
        Some(1) => "32-bit",
        Some(2) => "64-bit",
        _ => return "an ELF file that is cut off or broken at its first bytes".to_owned(),
    };
    let word = |at: usize| {
        let bytes = [*file.get(at)?, *file.get(at + 1)?];
        Some(if file.get(5) == Some(&2) { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let kind = match word(16) {
        Some(1) => "object".to_owned(),
        Some(2) => "program".to_owned(),
        Some(3) => "shared library".to_owned(),
        Some(4) => "core dump".to_owned(),
        Some(other) => format!("file of type {other}"),
        None => "file that is cut off in its header".to_owned(),
    };
    let machine = match word(18) {
        Some(3) => "x86".to_owned(),
        Some(40) => "arm".to_owned(),
        Some(62) => "x86_64".to_owned(),
        Some(183) => "aarch64".to_owned(),
        Some(243) => "riscv".to_owned(),
        Some(other) => format!("machine {other}"),
        None => "an unknown machine".to_owned(),
    };
    format!("a {class} ELF {kind} for {machine}")
}

fn read_metadata(json: &str) -> Option<BTreeMap<String, String>> {
    let entries: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(entries.into_iter().take(32).map(|(name, value)| (name, text(value))).collect())
}

fn newest_glibc(library: &ElfFile64<'_, Endianness>) -> Option<String> {
    let (endian, data, sections) = (library.endian(), library.data(), library.elf_section_table());
    let (needs, link) = sections.gnu_verneed(endian, data).ok()??;
    let strings = sections.strings(endian, data, link).ok()?;
    let versions = needs.filter_map(Result::ok).flat_map(|(_, versions)| versions.filter_map(Result::ok));
    let numbers = versions.filter_map(|version| {
        let name = std::str::from_utf8(version.name(endian, strings).ok()?).ok()?;
        name.strip_prefix("GLIBC_")?.split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>()
    });
    let newest = numbers.max()?;
    Some(newest.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}

fn unique_symbols(library: &ElfFile64<'_, Endianness>) -> Option<String> {
    let unique = library.dynamic_symbols().filter(|symbol| symbol.elf_symbol().st_bind() == elf::STB_GNU_UNIQUE);
    let names: Vec<_> = unique.map(|symbol| symbol.name_bytes().map(lossy).unwrap_or_default()).collect();
    if names.is_empty() {
        return None;
    }
    let shown = names[..names.len().min(MAX_NAMES)].join("`, `");
    Some(format!("it has {} GNU_UNIQUE symbols (`{shown}`): glibc never lets go of a library with one", names.len()))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(300).collect()
}

// === the gates behind it ===

/// Gates 1 and 2, and the routes where there is a manifest to compare them with. This runs the library's constructors:
/// a process that must not be lost leaves it to a child.
///
/// The store is one that nobody else uses, because the library becomes an artifact in it.
///
/// # Errors
/// The library could not be put into the store.
pub async fn open_gates(
    store: &Store,
    library: &Path,
    manifest: Option<&Manifest>,
    timeout: Duration,
) -> Result<Vec<Finding>, host_store::Error> {
    let provenance = Provenance {
        source: library.display().to_string(),
        commit: None,
        tree: None,
        fingerprint: None,
        rustc: None,
        built_at_unix_seconds: 0,
    };
    let artifact = store.put_artifact(library, b"", &provenance)?;
    let stand_in = stand_in();
    let opened = Module::open(store, &artifact, manifest.unwrap_or(&stand_in), timeout).await;
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

/// The least manifest. What the code says of its routes can't agree with it, and is then not told.
fn stand_in() -> Manifest {
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

    /// A gate at which the process that tried it was lost.
    pub fn lost(gate: Gate, evidence: String) -> Finding {
        let fix = "look for code that runs when the library is loaded: constructors, `ctor`, C++ statics".to_owned();
        Finding { gate, passed: Some(false), evidence, code: Some("load_crashed".to_owned()), fix: Some(fix) }
    }
}

impl Gate {
    /// The word for it.
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
    fn every_file_is_described_as_what_it_is() {
        let header = |class: u8, order: u8, kind: u16, machine: u16| {
            let word = |value: u16| if order == 2 { value.to_be_bytes() } else { value.to_le_bytes() };
            [b"\x7fELF", &[class, order][..], &[0; 10], &word(kind), &word(machine)].concat()
        };
        for (file, expected) in [
            (vec![], "an empty file"),
            (b"#!/bin/sh\n".to_vec(), "a script"),
            (b"PK\x03\x04rest".to_vec(), "a ZIP archive"),
            (b"MZ\x90".to_vec(), "a Windows program or DLL"),
            (b"hello".to_vec(), "a text"),
            (vec![0xff; 64], "no ELF file"),
            (b"\x7fELF".to_vec(), "an ELF file that is cut off or broken at its first bytes"),
            (b"\x7fELF\x02\x01".to_vec(), "a 64-bit ELF file that is cut off in its header for an unknown machine"),
            (header(2, 1, 3, 62), "a 64-bit ELF shared library for x86_64"),
            (header(1, 1, 3, 3), "a 32-bit ELF shared library for x86"),
            (header(2, 2, 2, 22), "a 64-bit ELF program for machine 22"),
        ] {
            assert_eq!(facts(&file), Facts { kind: expected.to_owned(), ..Facts::default() });
            assert_eq!(file_gate(&file).passed, Some(false), "{expected}");
        }
    }

    #[test]
    fn a_file_that_breaks_off_anywhere_is_described() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let whole = facts(&program);
        assert!(whole.needed.iter().any(|name| name.starts_with("libc.so")), "{whole:?}");
        assert!(whole.glibc.is_some_and(|version| version.starts_with("2.")));
        let n_bytes = program.len();
        for at in (0..64).chain((1..40).map(|part| n_bytes / 40 * part)) {
            let _ = facts(&program[..at]);
            assert_eq!(file_gate(&program[..at]).passed, Some(false));
        }
        // Offsets that lead anywhere.
        for at in 16..64 {
            let mut broken = program[..n_bytes.min(1 << 20)].to_vec();
            broken[at] ^= 0xff;
            let _ = (facts(&broken), file_gate(&broken));
        }
    }

    #[test]
    fn the_stand_in_is_a_manifest() {
        assert_eq!(stand_in().endpoints.len(), 1);
    }
}
