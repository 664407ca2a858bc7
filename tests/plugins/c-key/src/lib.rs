//! Calls C code that leaves thread-specific values on the thread it runs on.

use std::ffi::c_int;

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

unsafe extern "C" {
    fn c_key_touch() -> c_int;
}

#[plugin]
impl Plugin {
    #[post("/touch", blocking = false)]
    fn touch(&self) -> Result<String> {
        // SAFETY: it takes nothing and may be called on any thread.
        let is_new = match unsafe { c_key_touch() } {
            1 => "first",
            0 => "again",
            _ => return Err(Error::internal("the keys cannot be made")),
        };
        Ok(format!("{} {is_new}", thread()))
    }
}

/// The number that the system gives this thread.
fn thread() -> String {
    let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

export!(Plugin);
