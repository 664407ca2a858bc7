//! Exports the functions that the ledger interposes, and no others, so that the dynamic linker binds plugins to them.

#![expect(clippy::disallowed_methods, reason = "cargo passes its parameters to build scripts in environment variables")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        for function in [
            "pthread_create",
            "pthread_key_create",
            "pthread_key_delete",
            "pthread_getspecific",
            "pthread_setspecific",
            "__cxa_thread_atexit_impl",
        ] {
            println!("cargo::rustc-link-arg-bins=-Wl,--export-dynamic-symbol={function}");
        }
    }
}
