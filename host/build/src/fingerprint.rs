//! The fingerprint of a build: equal fingerprints mean equal builds.
//!
//! | input | in the fingerprint | how, or why not |
//! |---|---|---|
//! | source files, Cargo.toml, Cargo.lock, plugin.yaml | yes | digest of the tree |
//! | schemas of the configuration and of bodies | yes | their digests, too: artifacts without stored schemas are not reused |
//! | versions of dependencies | with a Cargo.lock | part of the tree; without one, the versions of the first build stay |
//! | compiler and target | yes | all of `rustc -vV` |
//! | cargo | no | it comes with the compiler |
//! | profile, features, `build.env` | yes | from the manifest |
//! | SDK, ABI | yes | digest of the SDK's files, version of `plugin-sdk-abi` |
//! | whether it is a build for development | yes | it forces other settings |
//! | settings that the host forces | yes | [`FORCED`], raised by hand when one changes |
//! | environment of the host that reaches cargo | yes, with the exceptions of the next line | names and values |
//! | `PATH`, `HOME`, `USER`, `LOGNAME`, `LANG`, `LC_*`, `TMPDIR`, `RUSTUP_HOME`, `CARGO_HOME`, certificates, proxies, `CARGO_NET_*`, `CARGO_HTTP_*` | no | they affect where programs and crates are found, not their content |
//! | cargo's configuration files above the build cache and in its home | no | the operator owns them; clear the build cache after changing them |
//! | system libraries, linker | no | not visible before the link; clear the build cache after changing them |
//! | deadlines, slots, offline | no | they decide whether a build succeeds, not its result |
//! | clock, network, files outside the tree that a build script reads | no | cannot be seen |

use host_core::manifest::{Build, Profile};
use host_core::{Digest, DigestWriter};

/// Increased when the host changes the settings that it forces on a build.
pub const FORCED: u32 = 1;

/// The inputs of a fingerprint.
pub(crate) struct Inputs<'a> {
    pub(crate) tree: Digest,
    /// The digest of the configuration schema, if there is one.
    pub(crate) schema: Option<Digest>,
    /// The digest of the body schemas, if there are any.
    pub(crate) body_schemas: Option<Digest>,
    pub(crate) rustc: &'a str,
    pub(crate) sdk: Digest,
    pub(crate) abi: &'a str,
    pub(crate) build: &'a Build,
    pub(crate) environment: &'a [(String, String)],
    pub(crate) development: bool,
}

/// The fingerprint of a build.
pub(crate) fn compute(inputs: &Inputs<'_>) -> Digest {
    // This exhaustive pattern makes a new field a compile error until it is added here.
    let Build { features, profile, env, timeout: _ } = inputs.build;
    let mut features: Vec<&String> = features.iter().collect();
    features.sort();
    features.dedup();
    let mut environment: Vec<_> = inputs.environment.iter().filter(|(name, _)| is_tracked(name)).collect();
    environment.sort();

    let mut writer = DigestWriter::new();
    writer
        .field(if inputs.development { b"plugin build for development" } else { b"plugin build" })
        .field(&FORCED.to_le_bytes())
        .field(inputs.tree.hex().as_bytes())
        .field(inputs.rustc.as_bytes())
        .field(inputs.sdk.hex().as_bytes())
        .field(inputs.abi.as_bytes())
        .field(profile_name(*profile).as_bytes());
    let mut list = |items: Vec<&str>| {
        writer.field(&(items.len() as u64).to_le_bytes());
        for item in items {
            writer.field(item.as_bytes());
        }
    };
    list(features.into_iter().map(String::as_str).collect());
    list(env.iter().flat_map(|(name, value)| [name.as_str(), value]).collect());
    list(environment.into_iter().flat_map(|(name, value)| [name.as_str(), value]).collect());
    if let Some(schema) = inputs.schema {
        writer.field(b"schema").field(schema.hex().as_bytes());
    }
    if let Some(schemas) = inputs.body_schemas {
        writer.field(b"body schemas").field(schemas.hex().as_bytes());
    }
    writer.finish()
}

/// The word for a profile, in the manifest and here.
pub(crate) fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Release => "release",
        Profile::Dev => "dev",
    }
}

fn is_tracked(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_named = matches!(
        name.as_str(),
        "PATH" | "HOME" | "USER" | "LOGNAME" | "LANG" | "TMPDIR" | "RUSTUP_HOME" | "CARGO_HOME" | "CURL_CA_BUNDLE"
    );
    let is_of_a_kind = ["LC_", "SSL_CERT_", "CARGO_NET_", "CARGO_HTTP_"].iter().any(|kind| name.starts_with(kind));
    !(is_named || is_of_a_kind || name.ends_with("_PROXY"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    fn build() -> Build {
        Build {
            features: vec!["a".to_owned(), "b".to_owned()],
            profile: Profile::Release,
            env: BTreeMap::new(),
            timeout: Duration::from_secs(1),
        }
    }

    fn fingerprint(build: &Build, environment: &[(&str, &str)], rustc: &str) -> Digest {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let (tree, sdk) = (Digest::compute(b"tree"), Digest::compute(b"sdk"));
        compute(&Inputs {
            tree,
            schema: None,
            body_schemas: None,
            rustc,
            sdk,
            abi: "1.0.0",
            build,
            environment: &environment,
            development: false,
        })
    }

    #[test]
    fn every_input_that_affects_the_library_changes_the_fingerprint() {
        let plain = fingerprint(&build(), &[], "1.95");
        let changed = [
            fingerprint(&Build { features: vec!["a".to_owned()], ..build() }, &[], "1.95"),
            fingerprint(&Build { profile: Profile::Dev, ..build() }, &[], "1.95"),
            fingerprint(&Build { env: BTreeMap::from([("A".to_owned(), "b".to_owned())]), ..build() }, &[], "1.95"),
            fingerprint(&build(), &[("A", "b")], "1.95"),
            fingerprint(&build(), &[("RUSTFLAGS", "-Ctarget-cpu=native")], "1.95"),
            fingerprint(&build(), &[], "1.96"),
        ];
        let (tree, sdk, build) = (Digest::compute(b"tree"), Digest::compute(b"sdk"), build());
        let with_schemas = |schema, body_schemas| {
            let (rustc, abi, build) = ("1.95", "1.0.0", &build);
            compute(&Inputs {
                tree,
                schema,
                body_schemas,
                rustc,
                sdk,
                abi,
                build,
                environment: &[],
                development: false,
            })
        };
        let schema = Some(Digest::compute(b"{}"));
        assert_eq!(with_schemas(None, None), plain);
        assert_ne!(with_schemas(schema, None), plain);
        assert_ne!(with_schemas(None, schema), plain);
        assert_ne!(with_schemas(None, schema), with_schemas(schema, None));
        for (n, one) in changed.iter().enumerate() {
            assert_ne!(*one, plain, "{n}");
            assert!(changed[n + 1..].iter().all(|other| other != one), "{n}");
        }
    }

    #[test]
    fn other_inputs_do_not_change_the_fingerprint() {
        let plain = fingerprint(&build(), &[], "1.95");
        let reordered = Build { features: vec!["b".to_owned(), "a".to_owned()], ..build() };
        let patient = Build { timeout: Duration::from_secs(9), ..build() };
        let elsewhere = [("PATH", "/x"), ("HOME", "/y"), ("https_proxy", "z"), ("SSL_CERT_FILE", "f")];
        assert_eq!(fingerprint(&reordered, &[], "1.95"), plain);
        assert_eq!(fingerprint(&patient, &[], "1.95"), plain);
        assert_eq!(fingerprint(&build(), &elsewhere, "1.95"), plain);
    }
}
