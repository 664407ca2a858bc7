//! The six interposed functions of the C library.
//!
//! The program exports them, so the dynamic linker binds the calls of every plugin to them. A call by other code is
//! passed on directly, without a lock or an allocation.
#![expect(unsafe_code, reason = "defines functions of the C library, and calls the ones behind them")]

use std::arch::naked_asm;
use std::ffi::{CStr, c_int, c_void};

use libc::{pthread_attr_t, pthread_key_t, pthread_t};

use super::counts::CountKind;
use super::keys;
use super::place::Activity;
use super::real::{self, Start};
use super::slots::{Slot, find};
use super::threads;

/// Defines interposed functions that receive the return address, which identifies the calling library. The destructor
/// does not identify it: C code passes `free` or none.
macro_rules! with_return_address {
    ($name:ident($($type:ty),*) => $target:ident, $x86:literal, $arm:literal) => {
        /// Passes on its arguments and its return address.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub(super) unsafe extern "C" fn $name($(_: $type),*) -> c_int {
            #[cfg(target_arch = "x86_64")]
            naked_asm!($x86, "jmp {target}", target = sym $target);
            #[cfg(target_arch = "aarch64")]
            naked_asm!($arm, "b {target}", target = sym $target);
        }
    };
}

with_return_address!(
    pthread_create(*mut pthread_t, *const pthread_attr_t, Start, *mut c_void) => create_thread,
    "mov r8, [rsp]", "mov x4, x30"
);
with_return_address!(
    pthread_key_create(*mut pthread_key_t, Option<super::real::KeyDestructor>) => create_key,
    "mov rdx, [rsp]", "mov x2, x30"
);

/// The argument of the first function of a plugin's thread.
struct Begin {
    owner: &'static Slot,
    start: Start,
    argument: *mut c_void,
}

/// # Safety
/// As for `pthread_create`.
unsafe extern "C" fn create_thread(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
    caller: usize,
) -> c_int {
    let Some(owner) = find(start as usize).or_else(|| find(caller)) else {
        // SAFETY: the caller's own arguments.
        return unsafe { real::pthread_create(thread, attributes, start, argument) };
    };
    // The library is being closed: a thread that starts now would run after its code is unmapped.
    if !owner.enter(CountKind::Thread) {
        return libc::EAGAIN;
    }
    let begin = Box::into_raw(Box::new(Begin { owner, start, argument }));
    // SAFETY: `begin_thread` consumes the box, on the new thread, once.
    let error = unsafe { real::pthread_create(thread, attributes, begin_thread, begin.cast()) };
    if error != 0 {
        // SAFETY: there is no new thread, so the box was not consumed.
        drop(unsafe { Box::from_raw(begin) });
        owner.leave(CountKind::Thread);
    }
    error
}

/// Runs a thread of a plugin. The frame has nothing to drop: a thread that calls `pthread_exit` unwinds through it.
unsafe extern "C-unwind" fn begin_thread(begin: *mut c_void) -> *mut c_void {
    // SAFETY: `create_thread` passes a box once.
    let Begin { owner, start, argument } = *unsafe { Box::from_raw(begin.cast::<Begin>()) };
    // Its end is counted where the thread ends, after all of its destructors.
    threads::belongs_to(owner);
    owner.place(Activity::Thread).stay();
    // SAFETY: the call that the plugin requested.
    unsafe { start(argument) }
}

/// # Safety
/// As for `pthread_key_create`.
unsafe extern "C" fn create_key(
    key: *mut pthread_key_t,
    destructor: Option<super::real::KeyDestructor>,
    caller: usize,
) -> c_int {
    let owner = find(caller).or_else(|| find(destructor.map_or(0, |destructor| destructor as usize)));
    let Some(owner) = owner else {
        // SAFETY: the caller's own arguments.
        return unsafe { real::pthread_key_create(key, destructor) };
    };
    let Some(number) = keys::create(owner, destructor) else { return libc::EAGAIN };
    // SAFETY: the caller passes the address of its variable for the key.
    unsafe { key.write(number) };
    0
}

/// Deletes a key.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    if keys::is_of_library(key) {
        return if keys::delete(key) { 0 } else { libc::EINVAL };
    }
    // SAFETY: the caller's own argument.
    unsafe { real::pthread_key_delete(key) }
}

/// Returns the thread's value of a key.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_getspecific(key: pthread_key_t) -> *mut c_void {
    if keys::is_of_library(key) {
        return keys::get(key);
    }
    // SAFETY: the caller's own argument.
    unsafe { real::pthread_getspecific(key) }
}

/// Sets the thread's value of a key.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_setspecific(key: pthread_key_t, value: *const c_void) -> c_int {
    if !keys::is_of_library(key) {
        // SAFETY: the caller's own arguments.
        return unsafe { real::pthread_setspecific(key, value) };
    }
    if !value.is_null() && !threads::is_watched() {
        return libc::ENOMEM;
    }
    if keys::set(key, value.cast_mut()) { 0 } else { libc::EINVAL }
}

/// Registers the destructor of a thread-local.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn __cxa_thread_atexit_impl(
    destructor: super::real::ThreadLocalDestructor,
    value: *mut c_void,
    library: *mut c_void,
) -> c_int {
    if let Some(owner) = find(library.addr()).or_else(|| find(destructor as usize)) {
        // Closed: its last destructors run, and its code is gone when this thread ends. The value is leaked.
        if threads::adopt(owner, destructor, value) || owner.is_closed() {
            return 0;
        }
    }
    // SAFETY: the caller's own arguments. glibc keeps the library for as long as this thread lives.
    unsafe { real::__cxa_thread_atexit_impl(destructor, value, library) }
}

/// The names and addresses of the interposed functions.
pub(crate) fn interposed() -> [(&'static CStr, *const ()); 6] {
    [
        (c"pthread_create", pthread_create as *const ()),
        (c"pthread_key_create", pthread_key_create as *const ()),
        (c"pthread_key_delete", pthread_key_delete as *const ()),
        (c"pthread_getspecific", pthread_getspecific as *const ()),
        (c"pthread_setspecific", pthread_setspecific as *const ()),
        (c"__cxa_thread_atexit_impl", __cxa_thread_atexit_impl as *const ()),
    ]
}
