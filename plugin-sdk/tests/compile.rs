//! The compiler's messages for mistakes of authors: each file in `compile` has its message beside it.
//!
//! `TRYBUILD=overwrite cargo test -p plugin-sdk --test compile` writes the messages. They are those of the default
//! features, because the compiler lists the accepted types.
#![cfg(not(any(feature = "multipart", feature = "tower")))]

use std::fs;
use std::path::Path;

#[test]
fn mistakes_are_reported_where_they_are_with_what_to_do() {
    // The cases are compiled as one crate, and a manifest is looked for where its Cargo.toml is.
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is a folder in the target folder");
    let cases = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&cases).unwrap();
    for name in ["cats.yaml", "broken.yaml"] {
        fs::copy(here.join(name), cases.join(name)).unwrap();
    }
    trybuild::TestCases::new().compile_fail("tests/compile/*.rs");
}
