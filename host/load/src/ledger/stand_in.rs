//! The four interposed functions of the C library.
//!
//! The program exports them, so the dynamic linker binds the calls of every plugin to them. A call by other code is
//! passed on directly, without a lock or an allocation.
#![expect(unsafe_code, reason = "defines functions of the C library, and calls the ones behind them")]

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};

use libc::{pthread_attr_t, pthread_key_t, pthread_t};

use super::counts::Kind;
use super::keys;
use super::slots::{Slot, find};
use super::threads;

type Start = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// The real functions, behind this program's own.
pub(super) mod real {
    use std::ffi::{CStr, c_int, c_void};
    use std::sync::atomic::{AtomicPtr, Ordering};

    use libc::{pthread_attr_t, pthread_key_t, pthread_t};

    use super::Start;

    unsafe extern "C" {
        /// Marks this program among the libraries, for what ends with a thread.
        static __dso_handle: u8;
    }

    /// Finds the function of that name behind this program's own.
    fn next(cached: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
        let mut function = cached.load(Ordering::Relaxed);
        if function.is_null() {
            // SAFETY: the name is a C string; repeated lookups return the same address.
            function = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
            if function.is_null() {
                // Threads cannot be created without it. Nothing may allocate here. SAFETY: `abort` has no arguments.
                unsafe { libc::abort() };
            }
            cached.store(function, Ordering::Relaxed);
        }
        function
    }

    macro_rules! real {
        ($name:ident($($argument:ident: $type:ty),*)) => {
            /// # Safety
            /// As for the C library's function.
            pub(in super::super) unsafe fn $name($($argument: $type),*) -> c_int {
                static CACHED: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
                const NAME: &CStr =
                    match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => panic!("the name has a zero byte"),
                    };
                let function = next(&CACHED, NAME);
                // SAFETY: the C library's function of this name has this type.
                let function = unsafe {
                    std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) -> c_int>(function)
                };
                // SAFETY: the caller keeps the contract of the C library's function.
                unsafe { function($($argument),*) }
            }
        };
    }

    real!(pthread_create(thread: *mut pthread_t, attributes: *const pthread_attr_t, start: Start, argument: *mut c_void));
    real!(pthread_key_create(key: *mut pthread_key_t, destructor: Option<super::keys::Destructor>));
    real!(pthread_key_delete(key: pthread_key_t));
    real!(__cxa_thread_atexit_impl(destructor: super::threads::Destructor, value: *mut c_void, library: *mut c_void));

    /// Registers `end` to be called with `value` when this thread ends; `false` if there is no memory for that.
    ///
    /// # Safety
    /// `end` must accept `value`, on this thread, once.
    pub(in super::super) unsafe fn at_thread_end(end: unsafe extern "C" fn(*mut c_void), value: *mut c_void) -> bool {
        // SAFETY: the two differ in what unwinds through them, and `end` does not unwind.
        let end = unsafe { std::mem::transmute::<unsafe extern "C" fn(*mut c_void), super::threads::Destructor>(end) };
        let program = (&raw const __dso_handle).cast_mut().cast();
        // SAFETY: the caller guarantees the requirements of `end`, which is code of this program and never unmapped.
        unsafe { __cxa_thread_atexit_impl(end, value, program) == 0 }
    }
}

/// The address that a call will return to is the caller's: C code makes keys with `free` as their destructor, or none.
macro_rules! with_return_address {
    ($name:ident($($type:ty),*) => $target:ident, $x86:literal, $arm:literal) => {
        /// Passes its arguments on, and the address it was called from.
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
    pthread_key_create(*mut pthread_key_t, Option<keys::Destructor>) => create_key,
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
    // Closed: its last destructors run, and a thread of it would have no code.
    if !owner.enter(Kind::Thread) {
        return libc::EAGAIN;
    }
    let begin = Box::into_raw(Box::new(Begin { owner, start, argument }));
    // SAFETY: `begin_thread` consumes the box, on the new thread, once.
    let error = unsafe { real::pthread_create(thread, attributes, begin_thread, begin.cast()) };
    if error != 0 {
        // SAFETY: there is no new thread, so the box was not consumed.
        drop(unsafe { Box::from_raw(begin) });
        owner.leave(Kind::Thread);
    }
    error
}

/// A thread of a plugin. There is nothing to drop in this frame: a thread that calls `pthread_exit` unwinds through it.
unsafe extern "C-unwind" fn begin_thread(begin: *mut c_void) -> *mut c_void {
    // SAFETY: `create_thread` passes a box once.
    let Begin { owner, start, argument } = *unsafe { Box::from_raw(begin.cast::<Begin>()) };
    // Its end is counted where the thread ends, after all of its destructors.
    threads::belongs_to(owner);
    // SAFETY: the call that the plugin requested.
    unsafe { start(argument) }
}

/// # Safety
/// As for `pthread_key_create`.
unsafe extern "C" fn create_key(key: *mut pthread_key_t, destructor: Option<keys::Destructor>, caller: usize) -> c_int {
    // SAFETY: the caller's own arguments.
    let error = unsafe { real::pthread_key_create(key, destructor) };
    if error == 0 {
        let owner = find(caller).or_else(|| find(destructor.map_or(0, |destructor| destructor as usize)));
        if let Some(owner) = owner {
            // SAFETY: the call above has written the key.
            keys::note(unsafe { *key }, owner, destructor);
        }
    }
    error
}

/// Returns a key.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    // Removed first: the number may be reused immediately afterwards.
    keys::forget(key);
    // SAFETY: the caller's own argument.
    unsafe { real::pthread_key_delete(key) }
}

/// Registers the destructor of a thread-local.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn __cxa_thread_atexit_impl(
    destructor: threads::Destructor,
    value: *mut c_void,
    library: *mut c_void,
) -> c_int {
    if let Some(owner) = find(library.addr()).or_else(|| find(destructor as usize)) {
        // Closed: its last destructors run, and its code is gone when this thread ends. The value stays.
        if threads::adopt(owner, destructor, value) || owner.is_closed() {
            return 0;
        }
    }
    // SAFETY: the caller's own arguments. glibc keeps the library for as long as this thread lives.
    unsafe { real::__cxa_thread_atexit_impl(destructor, value, library) }
}
