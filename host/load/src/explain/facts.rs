//! Facts from a file, whether or not it is a plugin.

use std::collections::BTreeMap;

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, elf};
use plugin_sdk_abi::{ROOT_SYMBOL, metadata};

use crate::file_kind::kind;

/// The maximum number of symbol names to show.
const MAX_NAMES: usize = 5;

/// Facts from a file, whether or not it is a plugin. Missing or broken parts are omitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The kind of file in words.
    pub kind: String,
    /// The metadata section; `None` if it is missing or invalid.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The compiler, as recorded in the file.
    pub compiler: Option<String>,
    /// The libraries that the dynamic linker must find.
    pub needed: Vec<String>,
    /// Additional search folders for its libraries.
    pub search_path: Option<String>,
    /// The newest version of glibc that it requires.
    pub glibc: Option<String>,
    /// Whether it exports the root symbol.
    pub has_root_symbol: bool,
    /// The reasons that keep it in memory after closing, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads the facts of a file. Never fails: for a file that is not a library, its kind is described.
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
    let mut unload_blocked = false;
    if let Ok(table) = library.elf_dynamic_table() {
        for entry in &table {
            let text = || table.string(entry).ok().map(lossy);
            match entry.tag {
                elf::DT_NEEDED => facts.needed.extend(text()),
                elf::DT_RUNPATH | elf::DT_RPATH => facts.search_path = text(),
                elf::DT_FLAGS_1 => unload_blocked = entry.val & elf::DF_1_NODELETE.0 != 0,
                _ => {}
            }
        }
    }
    facts.glibc = newest_glibc(&library);
    if unload_blocked {
        facts.warnings.push("it is marked DF_1_NODELETE, so the linker never unmaps it".to_owned());
    }
    facts.warnings.extend(unique_symbols(&library));
    facts
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
    Some(format!(
        "it has {} GNU_UNIQUE symbols (`{shown}`): glibc never unmaps a library with such a symbol",
        names.len()
    ))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::file_gate;

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
            (b"hello".to_vec(), "a text file"),
            (vec![0xff; 64], "a file of an unknown kind"),
            (b"\x7fELF".to_vec(), "an ELF file that is cut off or broken at its first bytes"),
            (b"\x7fELF\x02\x01".to_vec(), "a 64-bit ELF file that is cut off in its header for an unknown machine"),
            (header(2, 1, 3, 62), "a 64-bit ELF shared library for x86_64"),
            (header(1, 1, 3, 3), "a 32-bit ELF shared library for x86"),
            (header(2, 2, 2, 22), "a 64-bit ELF program for s390x"),
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
}
