//! Bytes that one side created and the other side reads.

use abi_stable::StableAbi;

/// Immutable bytes, freed by the side that created them.
///
/// Owner: the holder of the value; dropping it calls `release` once. The bytes are valid until then.
#[repr(C)]
#[derive(StableAbi)]
pub struct Chunk {
    /// First byte. Never null; dangling when `len` is 0.
    ptr: *const u8,
    /// Number of bytes.
    len: usize,
    /// The argument of `release`, defined by the creator.
    owner: *const (),
    /// Frees the bytes. Called once, on any thread. Must not unwind.
    release: unsafe extern "C" fn(ptr: *const u8, len: usize, owner: *const ()),
}

// SAFETY: the bytes are immutable, and `release` may be called on any thread (`from_vec` frees a `Vec<u8>`,
// `from_owner` requires `Send`, `from_static` does nothing).
unsafe impl Send for Chunk {}
// SAFETY: a shared `Chunk` only exposes shared bytes.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// An empty chunk; its drop frees nothing.
    pub const EMPTY: Chunk = Chunk::from_static(&[]);

    /// Static bytes of the library or program; their drop frees nothing.
    pub const fn from_static(bytes: &'static [u8]) -> Chunk {
        unsafe extern "C" fn nothing(_: *const u8, _: usize, _: *const ()) {}
        Chunk { ptr: bytes.as_ptr(), len: bytes.len(), owner: std::ptr::null(), release: nothing }
    }

    /// The bytes of `bytes`, without a copy.
    pub fn from_vec(bytes: Vec<u8>) -> Chunk {
        unsafe extern "C" fn free(ptr: *const u8, len: usize, capacity: *const ()) {
            // SAFETY: the three values are those of a `Vec<u8>` that `from_vec` took apart, and this runs once.
            drop(unsafe { Vec::from_raw_parts(ptr.cast_mut(), len, capacity as usize) });
        }
        if bytes.is_empty() {
            return Chunk::EMPTY;
        }
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Chunk {
            ptr: bytes.as_mut_ptr(),
            len: bytes.len(),
            owner: std::ptr::without_provenance(bytes.capacity()),
            release: free,
        }
    }

    /// The bytes that `owner` holds, without a copy. `owner` is dropped with the chunk; a panic of that drop is
    /// caught and ignored, because it must not cross the boundary.
    pub fn from_owner<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Chunk {
        unsafe extern "C" fn free<T>(_: *const u8, _: usize, owner: *const ()) {
            // SAFETY: `owner` is the box that `from_owner::<T>` leaked, and this runs once.
            let owner = unsafe { Box::from_raw(owner.cast::<T>().cast_mut()) };
            if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(owner))) {
                // Dropping the payload may panic again.
                std::mem::forget(payload);
            }
        }
        // The bytes may be stored inside the owner, so it must not move after they were looked up.
        let owner = Box::into_raw(Box::new(owner)).cast_const();
        // Frees the owner also when `as_ref` panics.
        let mut chunk = Chunk { ptr: [].as_ptr(), len: 0, owner: owner.cast(), release: free::<T> };
        // SAFETY: `owner` was leaked just above and is freed by `free` only, when `chunk` is dropped.
        let bytes = unsafe { &*owner }.as_ref();
        (chunk.ptr, chunk.len) = (bytes.as_ptr(), bytes.len());
        chunk
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the maker promises `len` immutable bytes at `ptr` until `release`, which only `drop` calls.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::ops::Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({} bytes)", self.len)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: these are the maker's own values, and a value is dropped once.
        unsafe { (self.release)(self.ptr, self.len, self.owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_chunk_reads_back_and_frees_its_owner_once() {
        struct Owner(#[expect(dead_code, reason = "held to be counted")] Arc<()>, Vec<u8>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.1
            }
        }
        let alive = Arc::new(());
        let chunk = Chunk::from_owner(Owner(alive.clone(), b"abc".to_vec()));
        assert_eq!((&*chunk, Arc::strong_count(&alive)), (&b"abc"[..], 2));
        drop(chunk);
        assert_eq!(Arc::strong_count(&alive), 1);

        let mut bytes = Vec::with_capacity(100);
        bytes.extend_from_slice(b"xyz");
        assert_eq!(&*Chunk::from_vec(bytes), b"xyz");
        assert_eq!(&*Chunk::from_vec(Vec::new()), b"");
        assert_eq!(&*Chunk::from_static(b"s"), b"s");
    }

    #[test]
    fn an_owner_that_panics_when_dropped_is_swallowed() {
        struct Bad;
        impl AsRef<[u8]> for Bad {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        drop(Chunk::from_owner(Bad));
    }
}
