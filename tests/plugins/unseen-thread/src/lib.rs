//! Starts a thread by `thrd_create`, which goes on for as long as the process does.

use std::ffi::{c_int, c_ulong, c_void};

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

unsafe extern "C" {
    fn thrd_create(thread: *mut c_ulong, start: extern "C" fn(*mut c_void) -> c_int, argument: *mut c_void) -> c_int;
}

extern "C" fn wait(_: *mut c_void) -> c_int {
    loop {
        std::thread::park();
    }
}

#[plugin]
impl Plugin {
    #[post("/begin", blocking = false)]
    fn begin(&self) -> Result<NoContent> {
        let mut thread = 0;
        // SAFETY: `wait` takes any argument, and the number of the thread is written here.
        match unsafe { thrd_create(&mut thread, wait, std::ptr::null_mut()) } {
            0 => Ok(NoContent),
            _ => Err(Error::internal("the thread cannot be started")),
        }
    }
}

export!(Plugin);
