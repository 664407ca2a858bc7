//! Keys for thread-specific values, with a destructor and a value on the thread of the call, and nobody who deletes
//! them.

use std::ffi::c_void;

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[post("/keys/:count", blocking = false)]
    fn keys(&self, Path(count): Path<u32>) -> Result<NoContent> {
        for n_made in 0..count {
            make_key().map_err(|code| Error::internal(format!("key {n_made} cannot be made: code {code}")))?;
        }
        Ok(NoContent)
    }
}

fn make_key() -> std::result::Result<(), i32> {
    let mut key = 0;
    // SAFETY: `key` may be written to, and `release` takes what is set below.
    match unsafe { libc::pthread_key_create(&mut key, Some(release)) } {
        0 => {}
        code => return Err(code),
    }
    let value: *mut u64 = Box::into_raw(Box::new(7));
    // SAFETY: the key was made above.
    match unsafe { libc::pthread_setspecific(key, value.cast()) } {
        0 => Ok(()),
        code => Err(code),
    }
}

unsafe extern "C" fn release(value: *mut c_void) {
    // SAFETY: the value of each key is a box that `make_key` has leaked, and a destructor gets it once.
    drop(unsafe { Box::from_raw(value.cast::<u64>()) });
}

export!(Plugin);
