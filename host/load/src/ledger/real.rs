//! The C library's own functions, behind the interposed ones.
#![expect(unsafe_code, reason = "calls functions of the C library by their address")]

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{pthread_attr_t, pthread_key_t, pthread_t};

/// The first function of a thread.
pub(super) type Start = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
/// The destructor of a key's values.
pub(super) type KeyDestructor = unsafe extern "C-unwind" fn(*mut c_void);
/// The destructor of a thread-local.
pub(super) type ThreadLocalDestructor = unsafe extern "C-unwind" fn(*mut c_void);

unsafe extern "C" {
    /// The address by which the C library identifies this program as the owner of thread-local destructors.
    static __dso_handle: u8;
}

/// Finds the next function with that name after this program's own.
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
    ($name:ident($($argument:ident: $type:ty),*) -> $result:ty) => {
        /// # Safety
        /// As for the C library's function.
        pub(super) unsafe fn $name($($argument: $type),*) -> $result {
            static CACHED: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
            const NAME: &CStr =
                match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => panic!("the name has a zero byte"),
                };
            let function = next(&CACHED, NAME);
            // SAFETY: the C library's function of this name has this type.
            let function = unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) -> $result>(function)
            };
            // SAFETY: the caller keeps the contract of the C library's function.
            unsafe { function($($argument),*) }
        }
    };
}

real!(pthread_create(thread: *mut pthread_t, attributes: *const pthread_attr_t, start: Start, argument: *mut c_void) -> c_int);
real!(pthread_key_create(key: *mut pthread_key_t, destructor: Option<KeyDestructor>) -> c_int);
real!(pthread_key_delete(key: pthread_key_t) -> c_int);
real!(pthread_getspecific(key: pthread_key_t) -> *mut c_void);
real!(pthread_setspecific(key: pthread_key_t, value: *const c_void) -> c_int);
real!(__cxa_thread_atexit_impl(destructor: ThreadLocalDestructor, value: *mut c_void, library: *mut c_void) -> c_int);

/// Registers `end` to be called with `value` when this thread ends; `false` if there is no memory for that.
///
/// # Safety
/// `end` must accept `value`, on this thread, once.
pub(super) unsafe fn at_thread_end(end: unsafe extern "C" fn(*mut c_void), value: *mut c_void) -> bool {
    // SAFETY: the two differ in what unwinds through them, and `end` does not unwind.
    let end = unsafe { std::mem::transmute::<unsafe extern "C" fn(*mut c_void), ThreadLocalDestructor>(end) };
    let program = (&raw const __dso_handle).cast_mut().cast();
    // SAFETY: the caller guarantees the requirements of `end`, which is code of this program and never unmapped.
    unsafe { __cxa_thread_atexit_impl(end, value, program) == 0 }
}
