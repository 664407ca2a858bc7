//! A stack for the signal handlers of a plugin's thread: without it, nothing can handle the overflow of its stack.
//!
//! The host's own threads have such a stack from the standard library. The standard library of a plugin creates none,
//! because it handles no signals.
#![expect(unsafe_code, reason = "maps memory and gives it to the kernel")]

use std::cell::Cell;
use std::ptr::NonNull;

/// The part that handlers use; the kernel stores the registers beside it.
const HANDLER_BYTES: usize = 16 * 1024;

thread_local! {
    /// The signal stack of this thread, made by [`make`].
    static STACK: Cell<Option<NonNull<libc::c_void>>> = const { Cell::new(None) };
}

/// The size. The kernel tells how much it needs for the registers.
fn size() -> usize {
    // SAFETY: it reads a number that the kernel passed to this process; 0 if the kernel does not know this number.
    let registers = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    HANDLER_BYTES + usize::try_from(registers).unwrap_or(0).max(libc::MINSIGSTKSZ).next_multiple_of(4096)
}

/// Gives this thread a signal stack. Without memory for it, the thread runs without one.
pub(super) fn make() {
    let size = size();
    let (access, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK);
    // SAFETY: maps new memory.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return;
    }
    let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: size };
    // SAFETY: the memory is mapped until `end`, which takes it from the kernel first.
    if unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) } == 0 {
        STACK.set(NonNull::new(memory));
    } else {
        // SAFETY: the kernel did not accept the memory, so nobody uses it.
        unsafe { libc::munmap(memory, size) };
    }
}

/// Frees the stack that [`make`] made for this thread.
pub(super) fn end() {
    let Some(memory) = STACK.take() else { return };
    let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    let mut last = none;
    // SAFETY: both are valid for the call.
    let is_free = unsafe { libc::sigaltstack(&raw const none, &raw mut last) } == 0 && last.ss_sp == memory.as_ptr();
    if is_free {
        // SAFETY: mapped by `make` with this size, and the kernel does not use it any more.
        unsafe { libc::munmap(memory.as_ptr(), last.ss_size) };
    }
}
