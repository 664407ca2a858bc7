//! Address ranges of libraries, as mapped by the dynamic linker.
//!
//! `dl_iterate_phdr` must not be called while a library may be opened: it looks up the thread-locals of each library on
//! this thread, and for a library that another thread is just opening, glibc (2.36, measured) reads past the end of a
//! list and crashes. That requires more than sixty libraries with thread-locals, and bad timing. `_dl_find_object`,
//! which glibc provides for the unwinder since 2.35, does no such lookup and takes no lock; if it is missing,
//! `dl_iterate_phdr` is used.
#![expect(unsafe_code, reason = "asks the dynamic linker for the libraries it has mapped")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ops::Range;
use std::sync::LazyLock;

/// The linker's record of a library: the public part of `struct link_map`.
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const c_void,
}

/// `struct dl_find_object`, with room for the fields that some machines and later versions add at its end.
#[repr(C)]
struct FoundObject {
    flags: u64,
    start: usize,
    end: usize,
    map: *const LinkMap,
    rest: [u64; 16],
}

type FindObject = unsafe extern "C" fn(*mut c_void, *mut FoundObject) -> c_int;

static FIND_OBJECT: LazyLock<Option<FindObject>> = LazyLock::new(|| {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    // SAFETY: the C library's function of this name has this type.
    (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, FindObject>(found) })
});

/// Resolves functions that are needed later, when a lock of the linker may be held.
pub(super) fn prepare() {
    LazyLock::force(&FIND_OBJECT);
}

/// The address range of an open library.
///
/// # Safety
/// `handle` must be a result of `dlopen` for a library that is still open.
pub(crate) unsafe fn range_of(handle: *mut c_void) -> Option<Range<usize>> {
    let mut map: *const LinkMap = std::ptr::null();
    // SAFETY: the handle is of an open library, and `map` receives the requested pointer.
    let failed = unsafe { libc::dlinfo(handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) };
    if failed != 0 || map.is_null() {
        return None;
    }
    // SAFETY: the linker keeps this for as long as the library is open.
    let dynamic = unsafe { (*map).dynamic };
    object_at(dynamic.addr()).map(|(_, range)| range)
}

/// Finds the plugin's library at an address: the number in the name it was opened with, and its range. Does not
/// allocate. Code at that address must be about to run, or its library must be kept open, because the linker's record
/// of it is read.
pub(super) fn object_at(address: usize) -> Option<(u64, Range<usize>)> {
    match *FIND_OBJECT {
        Some(find) => found_by(find, address),
        None => searched(address),
    }
}

fn found_by(find: FindObject, address: usize) -> Option<(u64, Range<usize>)> {
    let mut found = FoundObject { flags: 0, start: 0, end: 0, map: std::ptr::null(), rest: [0; 16] };
    // SAFETY: an address that is nobody's is only not found, and `found` has room for the answer.
    let failed = unsafe { find(std::ptr::without_provenance_mut(address), &raw mut found) };
    if failed != 0 || found.map.is_null() {
        return None;
    }
    // SAFETY: the library stays open during the call, and the linker keeps this record as long.
    let name = unsafe { (*found.map).name };
    // SAFETY: a name in the linker's record is a C string or null.
    let number = (!name.is_null()).then(|| unsafe { number_of(name) })??;
    Some((number, found.start..found.end))
}

fn searched(address: usize) -> Option<(u64, Range<usize>)> {
    struct Search {
        address: usize,
        found: Option<(u64, Range<usize>)>,
    }

    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
        // SAFETY: `dl_iterate_phdr` lends one entry during this call.
        let info = unsafe { &*info };
        // SAFETY: it passes the `Search` it was given, to which nothing else refers during the call.
        let search = unsafe { &mut *search.cast::<Search>() };
        // SAFETY: the linker lends `dlpi_phnum` program headers during this call.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let base = info.dlpi_addr as usize;
        let bounds = loaded.map(|header| (header.p_vaddr as usize, (header.p_vaddr + header.p_memsz) as usize));
        let bounds = bounds.reduce(|(start, end), (from, to)| (start.min(from), end.max(to)));
        let range = bounds.map_or(0..0, |(start, end)| base + start..base + end);
        if !range.contains(&search.address) {
            return 0;
        }
        if !info.dlpi_name.is_null() {
            // SAFETY: the name is a string of the linker's, valid during this call.
            search.found = unsafe { number_of(info.dlpi_name) }.map(|number| (number, range));
        }
        1
    }

    let mut search = Search { address, found: None };
    // SAFETY: `look` treats its arguments as `dl_iterate_phdr` passes them.
    unsafe { libc::dl_iterate_phdr(Some(look), std::ptr::from_mut(&mut search).cast()) };
    search.found
}

/// The number in the name of a plugin's library.
///
/// # Safety
/// `name` must be a C string.
unsafe fn number_of(name: *const c_char) -> Option<u64> {
    // SAFETY: guaranteed by the caller.
    let name = unsafe { CStr::from_ptr(name) };
    number_in(name.to_bytes())
}

/// The number in `…/plugin-<number>.so`.
fn number_in(name: &[u8]) -> Option<u64> {
    let name = name.strip_suffix(b".so")?;
    let digits = name.rsplit(|byte| *byte == b'-').next()?;
    let file = name.rsplit(|byte| *byte == b'/').next()?;
    (file.starts_with(b"plugin-") && !digits.is_empty() && digits.len() < 20).then_some(())?;
    digits.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_from_names_of_plugins_only() {
        for (name, number) in [
            ("/data/tmp/.x/plugin-17.so", Some(17)),
            ("plugin-0.so", Some(0)),
            ("/lib/libc.so", None),
            ("/lib/plugin-.so", None),
            ("/lib/plugin-1x.so", None),
            ("/plugin-1/libz-2.so", None),
            ("/x/plugin-99999999999999999999.so", None),
        ] {
            assert_eq!(number_in(name.as_bytes()), number, "{name}");
        }
    }

    #[test]
    fn code_of_this_program_and_addresses_of_nobody_are_no_plugins() {
        for address in [the_number_is_read_from_names_of_plugins_only as *const () as usize, 0, 4096, usize::MAX] {
            assert_eq!((object_at(address), searched(address)), (None, None));
        }
    }
}
