//! Gate 0: facts from a library file, read before any of its code runs.

use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, elf};
use plugin_sdk_abi::{ABI_MAJOR, ROOT_SYMBOL, metadata};
use serde::Deserialize;

use crate::Error;
use crate::file_kind::{kind, machine};

/// Facts from a library file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryHeader {
    /// ABI of the SDK it was built with, `major.minor`.
    pub abi: String,
    /// The minor version of that ABI.
    pub abi_minor: u32,
    /// Version of that SDK.
    pub sdk: String,
    /// Package name and version.
    pub package: String,
    /// The compiler, as recorded in the file; empty if it was stripped.
    pub compiler: String,
    /// Symbols that glibc never releases (`STB_GNU_UNIQUE`): with one of them, the library stays in memory permanently.
    pub unique_symbols: Vec<String>,
    /// The libraries it needs, as the file names them.
    pub needed: Vec<String>,
    /// The reason why it can never be unloaded, apart from those symbols: its link flags, or calls to functions with
    /// which the C library creates threads or keys that the ledger does not see.
    pub never_unloads: Option<String>,
}

/// The processor this host runs on, as ELF numbers it.
const MACHINE: elf::Machine = if cfg!(target_arch = "x86_64") { elf::EM_X86_64 } else { elf::EM_AARCH64 };

/// The fix for a file that is not a shared library.
const CDYLIB: &str =
    "use the `.so` that cargo builds from a crate with `crate-type = [\"cdylib\"]`, usually in target/release";

/// Functions of glibc that create threads or keys without an interposed call.
const UNSEEN: &[&str] =
    &["thrd_create", "tss_create", "timer_create", "mq_notify", "getaddrinfo_a", "lio_listio", "aio_read", "aio_write"];

#[derive(Deserialize)]
struct Metadata {
    abi: String,
    sdk: String,
    panic: String,
    package: String,
    version: String,
}

/// Reads a library file and refuses a file that this host cannot or must not open.
///
/// # Errors
/// [`Error::NotALibrary`], [`Error::OtherMachine`], [`Error::NotAPlugin`], [`Error::SdkTooOld`],
/// [`Error::SdkTooNew`], [`Error::PanicAbort`], [`Error::ExecutableStack`].
pub fn library_header(file: &[u8]) -> Result<LibraryHeader, Error> {
    let not_a_library = |reason: String| Error::NotALibrary { reason, fix: CDYLIB };
    let damaged = |error: object::Error| not_a_library(format!("it is damaged or incomplete: {error}"));
    if file.starts_with(b"version https://git-lfs.github.com/spec/") {
        let reason = "it is a pointer of Git LFS instead of the library".to_owned();
        return Err(Error::NotALibrary { reason, fix: "run `git lfs pull` in the clone" });
    }
    if !file.starts_with(b"\x7fELF\x02") {
        return Err(not_a_library(format!("it is {}", kind(file))));
    }
    let library = ElfFile64::<Endianness>::parse(file).map_err(damaged)?;
    let endian = library.endian();
    let header = library.elf_header();
    if header.e_machine.get(endian) != MACHINE {
        return Err(Error::OtherMachine {
            expected: std::env::consts::ARCH,
            found: machine(header.e_machine.get(endian).0),
        });
    }
    if header.e_type(endian) != elf::ET_DYN {
        return Err(not_a_library(format!("it is {}", kind(file))));
    }
    let stack = library.elf_program_headers().iter().find(|segment| segment.p_type(endian) == elf::PT_GNU_STACK);
    // glibc assumes that a library without this header needs an executable stack.
    if stack.is_none_or(|stack| stack.p_flags(endian) & elf::PF_X == elf::PF_X) {
        return Err(Error::ExecutableStack);
    }

    let section = library
        .section_by_name(metadata::SECTION)
        .ok_or_else(|| Error::NotAPlugin { missing: format!("section `{}`", metadata::SECTION) })?;
    let data = section.data().map_err(damaged)?;
    let json =
        metadata::read(data).ok_or_else(|| Error::NotAPlugin { missing: "the magic of the section".to_owned() })?;
    let metadata: Metadata =
        serde_json::from_str(json).map_err(|error| Error::NotAPlugin { missing: format!("metadata: {error}") })?;
    let abi_minor = check_abi(&metadata)?;
    if metadata.panic != "unwind" {
        return Err(Error::PanicAbort);
    }
    let root = ROOT_SYMBOL.trim_end_matches('\0');
    if !library.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.name() == Ok(root)) {
        return Err(Error::NotAPlugin { missing: "the root symbol".to_owned() });
    }

    let compiler = library
        .section_by_name(".comment")
        .and_then(|section| section.data().ok())
        .and_then(|data| data.split(|byte| *byte == 0).find(|text| text.starts_with(b"rustc")))
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default();
    let unique_symbols = library
        .dynamic_symbols()
        .filter(|symbol| symbol.elf_symbol().st_bind() == elf::STB_GNU_UNIQUE)
        .filter_map(|symbol| symbol.name().ok().map(str::to_owned))
        .take(16)
        .collect();
    let dynamic = library.elf_dynamic_table().map_err(damaged)?;
    let needed = dynamic.iter().filter(|entry| entry.tag == elf::DT_NEEDED);
    let needed = needed.filter_map(|entry| dynamic.string(entry).ok());
    let needed = needed.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let flags = dynamic.iter().find(|entry| entry.tag == elf::DT_FLAGS_1).map_or(0, |entry| entry.val);
    let imports = library.dynamic_symbols().filter(|symbol| symbol.is_undefined());
    let unseen = imports.filter_map(|symbol| symbol.name().ok()).find(|name| UNSEEN.contains(name));
    let never_unloads = match (flags & elf::DF_1_NODELETE.0 != 0, unseen) {
        (true, _) => Some("it is linked with `-z nodelete`".to_owned()),
        (false, Some(function)) => {
            Some(format!("it calls `{function}`, which creates threads or keys that the host cannot track"))
        }
        (false, None) => None,
    };
    Ok(LibraryHeader {
        abi: metadata.abi,
        abi_minor,
        sdk: metadata.sdk,
        package: format!("{} {}", metadata.package, metadata.version),
        compiler,
        unique_symbols,
        needed,
        never_unloads,
    })
}

/// Returns the minor version if the major version is that of the host.
fn check_abi(metadata: &Metadata) -> Result<u32, Error> {
    let version =
        metadata.abi.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let Some((major, minor)): Option<(u32, u32)> = version else {
        return Err(Error::NotAPlugin { missing: format!("an ABI version, found {:?}", metadata.abi) });
    };
    let (sdk, abi, host) = (metadata.sdk.clone(), metadata.abi.clone(), format!("{ABI_MAJOR}.x"));
    match major.cmp(&ABI_MAJOR) {
        std::cmp::Ordering::Less => Err(Error::SdkTooOld { sdk, abi, host }),
        std::cmp::Ordering::Greater => Err(Error::SdkTooNew { sdk, abi, host }),
        std::cmp::Ordering::Equal => Ok(minor),
    }
}
