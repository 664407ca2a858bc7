//! The handlers that write the line: of the signals of a crash, and of `exit`.
//!
//! A handler runs between any two instructions of the program, so it only reads atomics and plain thread-locals, and
//! calls functions that POSIX permits there (signal-safety(7)).
#![expect(unsafe_code, reason = "installs signal handlers and reads what the kernel passes to them")]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use super::line::Line;
use crate::ledger::culprit;

/// The signals of a crash, with their names.
const SIGNALS: [(c_int, &str); 7] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGSYS, "SIGSYS"),
    (libc::SIGTRAP, "SIGTRAP"),
];
/// The cause of a SIGSEGV near the top of the stack.
pub(super) const STACK_OVERFLOW: &str = "stack_overflow";
/// The cause of an end by `exit`.
pub(super) const EXIT: &str = "exit";
/// The exit status after a plugin has called `exit`: EX_SOFTWARE of sysexits.h. Service managers restart a service that
/// ends with another status than 0.
const EXIT_STATUS: c_int = 70;
/// How far from the stack pointer an access may be to count as an overflow of the stack: a guard of 16 pages.
const STACK_GUARD: usize = 16 * 4096;

/// The file for the lines.
static FILE: AtomicI32 = AtomicI32::new(-1);
/// The process of the handlers. A child that it forks shares the memory and the file, and is not watched.
static PROCESS: AtomicI32 = AtomicI32::new(0);
/// Set by the first crash: the others are its consequences.
static IS_RECORDED: AtomicBool = AtomicBool::new(false);
/// The handlers that were installed before.
static PREVIOUS: [OnceLock<libc::sigaction>; SIGNALS.len()] = [const { OnceLock::new() }; SIGNALS.len()];

/// Installs the handlers, which write to `file` from now on. It must stay open.
///
/// # Errors
/// The error of the system call.
pub(super) fn install(file: RawFd) -> io::Result<()> {
    FILE.store(file, Ordering::Release);
    // SAFETY: no arguments, and it cannot fail.
    PROCESS.store(unsafe { libc::getpid() }, Ordering::Release);
    for ((signal, _), previous) in SIGNALS.iter().zip(&PREVIOUS) {
        if previous.get().is_some() {
            continue;
        }
        // SAFETY: all zeros are valid: the default action, without flags, and an empty set of signals.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: reads the action of a signal into a valid place.
        if unsafe { libc::sigaction(*signal, std::ptr::null(), &raw mut action) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // Stored first: the handler reads it.
        let _ = previous.set(action);
        // SAFETY: as above.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: `on_signal` has the type for SA_SIGINFO, is never unmapped, and calls only what a handler may call.
        if unsafe { libc::sigaction(*signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: `on_exit` has the right type and is never unmapped.
    if unsafe { libc::atexit(on_exit) } != 0 {
        return Err(io::Error::other("no memory for an exit handler"));
    }
    Ok(())
}

/// Writes the line, then lets the signal end the process as it did before the handlers were installed.
unsafe extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(index) = SIGNALS.iter().position(|(known, _)| *known == signal) else { return };
    // SAFETY: the kernel passes valid information to a handler with SA_SIGINFO.
    let info = unsafe { &*info };
    // Sent by a process, not caused by an instruction.
    let is_sent = info.si_code <= 0;
    // SAFETY: called only for a sent signal, whose information has the id of its sender.
    let sender = || unsafe { info.si_pid() };
    if !is_sent || sender() == PROCESS.load(Ordering::Acquire) {
        // SAFETY: the kernel passes the registers to a handler with SA_SIGINFO.
        let (instruction, stack) = unsafe { registers(context) };
        // SAFETY: a SIGSEGV that an instruction has caused has an address.
        let is_overflow = !is_sent && signal == libc::SIGSEGV && is_near(stack, unsafe { info.si_addr() }.addr());
        // The instruction of a sent signal is that of the C library.
        let instruction = instruction.filter(|_| !is_sent);
        record(instruction, if is_overflow { STACK_OVERFLOW } else { SIGNALS[index].1 });
    }
    if is_sent || signal == libc::SIGTRAP {
        // No instruction repeats it, and the standard library's handler would ignore it. It is delivered with the
        // default action when this handler returns.
        // SAFETY: restores the default action; no pointers.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        // SAFETY: no pointers; a handler may call it.
        unsafe { libc::raise(signal) };
    } else if let Some(previous) = PREVIOUS[index].get() {
        // The failed instruction is repeated when this handler returns. SAFETY: restores an action that was in effect
        // before.
        unsafe { libc::sigaction(signal, previous, std::ptr::null_mut()) };
    }
}

/// Runs when the process ends through `exit`. If a plugin called it, the rest of the host is running and knows nothing
/// about it.
extern "C" fn on_exit() {
    // SAFETY: no arguments, and it cannot fail.
    let process = unsafe { libc::getpid() };
    if process != PROCESS.load(Ordering::Acquire) || culprit(None).is_none() {
        return;
    }
    record(None, EXIT);
    // SAFETY: ends the process without running more of its code.
    unsafe { libc::_exit(EXIT_STATUS) };
}

/// Writes the line to the file, and one to standard error.
fn record(instruction: Option<usize>, cause: &str) {
    // SAFETY: no arguments, and it cannot fail.
    let process = unsafe { libc::getpid() };
    if process != PROCESS.load(Ordering::Acquire) || IS_RECORDED.swap(true, Ordering::AcqRel) {
        return;
    }
    let culprit = culprit(instruction);
    let line = Line::for_file(culprit.as_ref(), cause, now_unix_ms());
    write(FILE.load(Ordering::Acquire), line.bytes());
    write(libc::STDERR_FILENO, Line::for_people(culprit.as_ref(), cause).bytes());
}

/// Writes in one call, so that the line is complete or missing. Nothing can be done about an error.
fn write(file: RawFd, bytes: &[u8]) {
    // SAFETY: the pointer and the length are those of a slice.
    let _ = unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
}

fn now_unix_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a valid place.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    u64::try_from(now.tv_sec)
        .unwrap_or(0)
        .wrapping_mul(1000)
        .wrapping_add(u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// The addresses of the failed instruction and of the stack.
///
/// # Safety
/// `context` must be what the kernel has passed to a handler with SA_SIGINFO.
unsafe fn registers(context: *mut c_void) -> (Option<usize>, Option<usize>) {
    // SAFETY: the caller's guarantee.
    let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    let (instruction, stack) = (
        registers.gregs[libc::REG_RIP as usize].cast_unsigned(),
        registers.gregs[libc::REG_RSP as usize].cast_unsigned(),
    );
    #[cfg(target_arch = "aarch64")]
    let (instruction, stack) = (registers.pc, registers.sp);
    (usize::try_from(instruction).ok(), usize::try_from(stack).ok())
}

/// Returns whether an access is so near to the stack pointer that it overflowed the stack.
fn is_near(stack: Option<usize>, address: usize) -> bool {
    stack.is_some_and(|stack| stack.abs_diff(address) < STACK_GUARD)
}
