//! Compiles the small library with which the ledger tests itself at start.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by their environment")]

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=src/self_test.c");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") || is_static {
        return;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("self-test.so");
    let compiler = cc::Build::new().opt_level(1).get_compiler();
    let mut command = compiler.to_command();
    command.args(["-shared", "-fPIC", "-pthread", "-Wl,-z,noexecstack", "-o"]).arg(&out).arg("src/self_test.c");
    let status = command.status().expect("the C compiler starts");
    assert!(status.success(), "the C compiler failed: {command:?}");
}
