//! The kind of a file, from its first bytes.

/// The kind of a file in words, with an article.
pub(crate) fn kind(file: &[u8]) -> String {
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
        _ if std::str::from_utf8(&file[..file.len().min(512)]).is_ok() => "a text file",
        _ => "a file of an unknown kind",
    };
    text.to_owned()
}

/// The first bytes of an ELF file, whose positions are equal in all classes.
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
    let machine = word(18).map_or_else(|| "an unknown machine".to_owned(), machine);
    format!("a {class} ELF {kind} for {machine}")
}

/// The name of a processor by its number in ELF files.
pub(crate) fn machine(number: u16) -> String {
    let name = match number {
        3 => "x86",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv",
        258 => "loongarch",
        other => return format!("machine {other}"),
    };
    name.to_owned()
}
