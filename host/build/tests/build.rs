//! Builds trees with a real cargo. Nothing is downloaded: the crates that the SDK needs are those that
//! this workspace was built with.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use host_build::{BuildKind, BuildSource, Builder, Built, Config, Error};
use host_core::manifest::Mode;
use host_core::{Digest, Manifest};
use host_store::{Store, Tree};

const LIB: &str = "#[unsafe(no_mangle)] pub extern \"C\" fn answer() -> u32 { 42 }\n";

/// A builder with a store of its own. All share one build cache, which stays between runs of the tests.
struct Fixture {
    store: Store,
    builder: Builder,
    lines: Mutex<Vec<String>>,
    _plugins: tempfile::TempDir,
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("build_cache")
}

impl Fixture {
    async fn new() -> Fixture {
        Fixture::with(cache(), |_| {}).await
    }

    async fn with(cache_dir: PathBuf, change: impl FnOnce(&mut Config)) -> Fixture {
        let plugins = tempfile::tempdir().expect("a temporary folder");
        let plugin_dir = plugins.path().join("plugins");
        let store = Store::open(host_store::Config { plugin_dir, cache_dir, limits: Default::default() });
        let store = store.expect("nobody else has the folder");
        let wanted = ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
        let mut config = Config { slots: 2, offline: true, ..Config::default() };
        config.environment = std::env::vars().filter(|(name, _)| wanted.contains(&name.as_str())).collect();
        change(&mut config);
        let builder = Builder::new(store.clone(), config).await.expect("the tests run where cargo does");
        Fixture { store, builder, lines: Mutex::default(), _plugins: plugins }
    }

    fn tree(&self, files: &[(&str, &str)]) -> Tree {
        let mut writer = self.store.new_tree().expect("room for a tree");
        for (path, text) in files {
            writer.add(path.parse().expect("a tree path"), false, text.as_bytes()).expect("a good file");
        }
        writer.finish().expect("a good tree")
    }

    async fn build(&self, tree: &Tree) -> Result<Built, Error> {
        let text = tree.manifest_text().expect("a manifest");
        let manifest = Manifest::check(&text, Mode::Normal).map_err(|problems| format!("{problems:?}"));
        let source = BuildSource { source: "somewhere".to_owned(), commit: Some("c0ffee".to_owned()) };
        let say = |line: &str| self.lines.lock().expect("no panic").push(line.to_owned());
        let manifest = manifest.expect("a good manifest").manifest;
        // A server moves such futures between threads.
        fn sendable<F: Send>(future: F) -> F {
            future
        }
        sendable(self.builder.build(tree, &manifest, &source, &say)).await
    }

    /// Returns whether there is a work folder with a crate of this name.
    fn is_at_work(&self, name: &str) -> bool {
        let name = format!("name = \"{name}\"");
        let manifests = files_like(&self.store.cache_dir().join("work"), "Cargo.toml");
        manifests.iter().any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&name)))
    }

    fn said(&self, what: &str) -> bool {
        self.lines.lock().expect("no panic").iter().any(|line| line.contains(what))
    }
}

fn manifest(rest: &str) -> String {
    format!(
        "id: a-plugin\nname: A\nversion: 1.0.0\ndescription: d\nauthor: a\n\
         endpoints:\n  - {{path: /hello, method: GET, handler: Hello}}\n{rest}\n"
    )
}

/// Each test takes a name of its own, because they share target folders.
fn cargo_toml(name: &str, rest: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n{rest}\n"
    )
}

/// All files below `folder` whose names hold `part`.
fn files_like(folder: &Path, part: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().contains(part) {
            found.push(entry.path());
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files_like(&entry.path(), part));
        }
    }
    found
}

#[tokio::test]
async fn a_crate_becomes_an_artifact_and_is_not_built_twice() {
    let fixture = Fixture::new().await;
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("")),
        ("Cargo.toml", &cargo_toml("once-only", "")),
        ("src/lib.rs", LIB),
    ]);
    let built = fixture.build(&tree).await.unwrap();
    assert!(!built.cached && fixture.said("Compiling once-only") && fixture.said("no Cargo.lock"));
    let library = std::fs::read(built.artifact.library()).unwrap();
    assert!(library.starts_with(b"\x7fELF") && Digest::compute(&library) == built.artifact.library_digest());
    assert_eq!(built.artifact.manifest_text(), tree.manifest_text().unwrap());
    let provenance = built.artifact.provenance();
    assert_eq!((provenance.tree, provenance.fingerprint), (Some(tree.digest()), built.fingerprint));
    assert_eq!((provenance.source.as_str(), provenance.commit.as_deref()), ("somewhere", Some("c0ffee")));
    assert!(provenance.rustc.as_deref().unwrap().starts_with("rustc "));
    assert_eq!(
        files_like(&cache().join("targets"), "once_only"),
        [] as [PathBuf; 0],
        "the target folder holds none of it"
    );
    assert!(!fixture.is_at_work("once-only"), "the work folder is gone");

    let again = fixture.build(&tree).await.unwrap();
    assert!(again.cached && again.artifact.digest() == built.artifact.digest());
    let counters = fixture.builder.counters();
    assert_eq!((counters.builds, counters.cache_hits, counters.cargo_runs, counters.failures), (2, 1, 1, 0));
    assert_eq!((counters.running, counters.waiting), (0, 0));
}

#[tokio::test]
async fn a_package_may_be_called_like_a_dependency() {
    let fixture = Fixture::new().await;
    let inner = "[package]\nname = \"twice\"\nversion = \"0.2.0\"\nedition = \"2024\"\n";
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("")),
        ("Cargo.toml", &cargo_toml("twice", "[workspace]\nexclude = [\"inner\"]\n[dependencies]\nother = { package = \"twice\", path = \"inner\" }\n")),
        ("src/lib.rs", LIB),
        ("inner/Cargo.toml", inner),
        ("inner/src/lib.rs", ""),
    ]);
    let built = fixture.build(&tree).await.expect("a good plugin");
    assert!(!built.cached);
}

#[tokio::test]
async fn the_manifest_decides_and_the_host_forces_what_it_must() {
    let fixture = Fixture::new().await;
    let source = "
        #[cfg(not(feature = \"loud\"))] compile_error!(\"no feature\");
        #[cfg(debug_assertions)] compile_error!(\"not the release profile\");
        #[cfg(panic = \"abort\")] compile_error!(\"a panic would end the host\");
        const _: () = assert!(matches!(env!(\"GREETING\").as_bytes(), b\"hello\"));
        const _: () = assert!(option_env!(\"RUSTUP_AUTO_INSTALL\").is_none());
        #[unsafe(no_mangle)] pub extern \"C\" fn answer() -> u32 { inner::answer() }
    ";
    let settings =
        "[features]\nloud = []\n[profile.release]\npanic = \"abort\"\n[dependencies]\ninner = { path = \"inner\" }";
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("build: {features: [loud], env: {GREETING: hello}}")),
        ("Cargo.toml", &cargo_toml("decided", settings)),
        ("src/lib.rs", source),
        ("inner/Cargo.toml", "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2024\""),
        ("inner/src/lib.rs", "pub fn answer() -> u32 { 42 }"),
        // A wrapper that would fail every compilation, were it found.
        (".cargo/config.toml", "[build]\nrustc-wrapper = \"/bin/false\""),
    ]);
    if let Err(error) = fixture.build(&tree).await {
        panic!("{error}\n{}", error.compiler_output().unwrap_or_default());
    }
    assert!(files_like(&cache().join("targets"), "libinner-").is_empty(), "path dependencies are the plugin's own");
}

#[tokio::test]
async fn a_compile_error_is_reported_with_the_compiler_output() {
    let fixture = Fixture::new().await;
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("build: {profile: dev}")),
        ("Cargo.toml", &cargo_toml("broken", "")),
        ("src/lib.rs", "pub fn a() -> u32 { \"text\" }"),
    ]);
    let error = fixture.build(&tree).await.unwrap_err();
    assert_eq!(error.code(), "build_failed");
    assert!(error.to_string().contains("error[E0308]: mismatched types"), "{error}");
    let output = error.compiler_output().unwrap();
    assert!(output.starts_with("error[E0308]") && output.contains("src/lib.rs:1:21"), "{output}");
    assert!(fixture.said("mismatched types"));
    assert_eq!(fixture.builder.counters().failures, 1);
}

#[tokio::test]
async fn an_unavailable_dependency_is_distinguished_from_a_compile_error() {
    let fixture = Fixture::new().await;
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("")),
        ("Cargo.toml", &cargo_toml("wanting", "[dependencies]\nno-such-crate-anywhere-at-all = \"1\"")),
        ("src/lib.rs", LIB),
    ]);
    let error = fixture.build(&tree).await.unwrap_err();
    assert_eq!(error.code(), "build_dependencies");
    assert!(error.compiler_output().unwrap().contains("no-such-crate-anywhere-at-all"), "{error}");
}

#[tokio::test]
async fn a_missing_cargo_is_named_with_the_remedy() {
    let fixture = Fixture::with(cache(), |config| config.cargo = "/no/such/cargo".into()).await;
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("")),
        ("Cargo.toml", &cargo_toml("without-cargo", "")),
        ("src/lib.rs", LIB),
    ]);
    let error = fixture.build(&tree).await.unwrap_err();
    assert_eq!(error.code(), "build_no_toolchain");
    assert!(error.to_string().contains("/no/such/cargo") && error.to_string().contains("rustup.rs"), "{error}");
}

#[tokio::test]
async fn a_build_ends_at_its_deadline() {
    let fixture = Fixture::new().await;
    let tree = fixture.tree(&[
        ("plugin.yaml", &manifest("build: {timeout_seconds: 1}")),
        ("Cargo.toml", &cargo_toml("endless", "")),
        ("src/lib.rs", LIB),
        ("build.rs", "fn main() { loop { std::thread::park() } }"),
    ]);
    let error = fixture.build(&tree).await.unwrap_err();
    assert_eq!(error.code(), "build_timed_out");
}

#[tokio::test]
async fn a_dropped_build_leaves_nothing_and_releases_its_slot() {
    let fixture = Fixture::new().await;
    let files = |script: &'static str| {
        [
            ("plugin.yaml".to_owned(), manifest("")),
            ("Cargo.toml".to_owned(), cargo_toml("dropped", "")),
            ("src/lib.rs".to_owned(), LIB.to_owned()),
            ("build.rs".to_owned(), script.to_owned()),
        ]
    };
    let tree = |script| {
        let files = files(script);
        fixture.tree(&files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())))
    };
    let endless = tree("fn main() { loop { std::thread::park() } }");
    let text = endless.manifest_text().unwrap();
    let checked = Manifest::check(&text, Mode::Normal).unwrap();
    let source = BuildSource { source: String::new(), commit: None };
    let compiles = tokio::sync::Notify::new();
    let say = |line: &str| {
        if line.contains("Compiling dropped") && fixture.is_at_work("dropped") {
            compiles.notify_one();
        }
    };
    tokio::select! {
        _ = fixture.builder.build(&endless, &checked.manifest, &source, &say) => panic!("it never ends"),
        () = compiles.notified() => {}
    }
    assert_eq!(fixture.builder.counters().running, 0);
    assert!(!fixture.is_at_work("dropped"));
    assert!(!fixture.build(&tree("fn main() {}")).await.unwrap().cached);
}

#[tokio::test]
async fn two_equal_concurrent_builds_run_cargo_once() {
    let fixture = Fixture::new().await;
    let tree =
        fixture.tree(&[("plugin.yaml", &manifest("")), ("Cargo.toml", &cargo_toml("twins", "")), ("src/lib.rs", LIB)]);
    let (one, two) = tokio::join!(fixture.build(&tree), fixture.build(&tree));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.artifact.digest(), two.artifact.digest());
    assert_ne!(one.cached, two.cached);
    assert_eq!(fixture.builder.counters().cargo_runs, 1);
}

#[tokio::test]
async fn a_prebuilt_library_is_used_unchanged() {
    let fixture = Fixture::new().await;
    let digest = Digest::compute(b"library");
    let build = async |rest: &str, files: &[(&str, &str)]| {
        let manifest = manifest(rest);
        let mut all = vec![("plugin.yaml", manifest.as_str())];
        all.extend(files);
        fixture.build(&fixture.tree(&all)).await
    };
    let library = ("libx.so", "library");
    let built = build("", &[library]).await.unwrap();
    assert_eq!((built.artifact.library_digest(), built.cached, built.fingerprint), (digest, false, None));
    let good = format!("security: {{checksum: \"{digest}\"}}");
    assert!(build(&good, &[library]).await.is_ok());

    let other = Digest::compute(b"other");
    let error = build(&format!("security: {{checksum: \"{other}\"}}"), &[library]).await.unwrap_err();
    assert_eq!(error.code(), "build_checksum");
    assert!(error.to_string().contains(&digest.hex()) && error.to_string().contains(&other.hex()), "{error}");
    for files in [&[("README.md", "x")][..], &[library, ("liby.so", "x")], &[("lib/x.so", "x")]] {
        assert_eq!(build("", files).await.unwrap_err().code(), "build_nothing_to_build", "{files:?}");
    }
    assert_eq!(fixture.builder.counters().cargo_runs, 0);
}

#[tokio::test]
async fn a_schema_that_is_missing_or_broken_is_refused_before_cargo_starts_and_a_good_one_is_kept() {
    let fixture = Fixture::new().await;
    let manifest = manifest("configuration_schema: schemas/config.json");
    let build = async |code: &[(&str, &str)], schema: Option<&str>| {
        let mut files = vec![("plugin.yaml", manifest.as_str())];
        files.extend(code);
        files.extend(schema.map(|schema| ("schemas/config.json", schema)));
        let tree = fixture.tree(&files);
        let checked = Manifest::check(&tree.manifest_text().unwrap(), Mode::Normal).unwrap().manifest;
        let inspected = host_build::inspect(&tree, &checked).map_err(|error| error.code()).err();
        let built = fixture.build(&tree).await;
        assert_eq!(built.as_ref().err().map(Error::code), inspected, "who only looks sees the same");
        built
    };
    let crate_toml = cargo_toml("with-schema", "");
    let (krate, library) = ([("Cargo.toml", crate_toml.as_str()), ("src/lib.rs", LIB)], [("libx.so", "library")]);
    for code in [&krate[..], &library] {
        assert_eq!(build(code, None).await.unwrap_err().code(), "build_schema_missing");
        let far = r#"{"properties": {"a": {"$ref": "https://example.org/a.json"}}}"#;
        for (schema, n_problems) in [("{", 0), (far, 1), (&"x".repeat(300_000), 0)] {
            let error = build(code, Some(schema)).await.unwrap_err();
            assert_eq!((error.code(), error.schema_problems().len()), ("build_schema_refused", n_problems));
            assert!(error.to_string().contains("schemas/config.json"), "{error}");
        }
    }
    assert_eq!(fixture.builder.counters().cargo_runs, 0);

    let schema = r#"{"properties": {"a": {"type": "integer"}}}"#;
    let prebuilt = build(&library, Some(schema)).await.unwrap();
    assert_eq!(prebuilt.artifact.configuration_schema(), Some(schema.as_bytes()));
    let built = build(&krate, Some(schema)).await.unwrap();
    assert_eq!(built.artifact.configuration_schema(), Some(schema.as_bytes()));
    let again = build(&krate, Some(schema)).await.unwrap();
    assert!(again.cached && again.artifact.configuration_schema() == Some(schema.as_bytes()));
    let other = build(&krate, Some("{}")).await.unwrap();
    assert!(!other.cached && other.artifact.digest() != built.artifact.digest());
}

#[tokio::test]
async fn a_forecast_predicts_the_build_without_running_it() {
    let fixture = Fixture::new().await;
    let forecast = async |tree: &Tree| {
        let checked = Manifest::check(&tree.manifest_text().unwrap(), Mode::Normal).unwrap().manifest;
        fixture.builder.forecast(tree, &checked).await
    };
    let yaml = manifest("configuration_schema: schema.json\n");
    let toml = cargo_toml("forecast", "");
    let schema = ("schema.json", "{}");
    let krate = fixture.tree(&[("plugin.yaml", &yaml), schema, ("Cargo.toml", &toml), ("src/lib.rs", LIB)]);
    let before = forecast(&krate).await.unwrap();
    assert_eq!((before.kind, before.artifact), (BuildKind::Cargo, None));
    assert_eq!(before.configuration_schema.as_deref(), Some(&b"{}"[..]));
    assert_eq!(fixture.builder.counters().cargo_runs, 0);
    let built = fixture.build(&krate).await.unwrap().artifact.digest();
    let after = forecast(&krate).await.unwrap();
    assert_eq!((after.kind, after.artifact), (BuildKind::Cached, Some(built)));

    let library = fixture.tree(&[("plugin.yaml", &yaml), schema, ("libx.so", "library")]);
    let taken = forecast(&library).await.unwrap();
    assert_eq!(fixture.store.artifact(&taken.artifact.unwrap()).unwrap().map(|artifact| artifact.digest()), None);
    assert_eq!(
        (taken.kind, taken.artifact),
        (BuildKind::Library, Some(fixture.build(&library).await.unwrap().artifact.digest()))
    );

    let nothing = fixture.tree(&[("plugin.yaml", &manifest("")), ("README.md", "r")]);
    assert_eq!(forecast(&nothing).await.unwrap_err().code(), "build_nothing_to_build");
    let unlisted = manifest("checksums: {complete: true}");
    let unlisted = fixture.tree(&[("plugin.yaml", &unlisted), ("libx.so", "library")]);
    assert_eq!(forecast(&unlisted).await.unwrap_err().code(), "build_tree_checksum");
}

#[tokio::test]
async fn files_that_are_not_as_listed_are_all_named() {
    let fixture = Fixture::new().await;
    let (good, bad) = (Digest::compute(b"library"), Digest::compute(b"other"));
    let code = async |list: String| {
        let tree = fixture.tree(&[("plugin.yaml", &manifest(&list)), ("libx.so", "library"), ("README.md", "r")]);
        fixture.build(&tree).await.map(drop).map_err(|error| (error.code(), error.to_string()))
    };
    assert_eq!(code(format!("checksums: {{libx.so: \"{good}\"}}")).await, Ok(()));
    let (code, text) =
        code(format!("checksums: {{libx.so: \"{bad}\", gone: \"{bad}\", complete: true}}")).await.unwrap_err();
    assert_eq!(code, "build_tree_checksum");
    let changed = format!("`libx.so` is `{good}`, expected `{bad}`");
    for problem in ["`README.md` is not in the list", "`gone` is missing", &changed] {
        assert!(text.contains(problem), "{text}");
    }
}

#[tokio::test]
async fn a_warm_host_compiles_a_plugin_and_not_the_sdk_in_every_slot() {
    // The other tests do not touch this cache, so that its folders are as warm-up leaves them.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("warm_cache");
    let fixture = Fixture::with(cache, |config| config.silence_timeout = Duration::from_secs(600)).await;
    share_downloads(&fixture.store);
    let lock = "version = 4\n\n[[package]]\nname = \"first\"\nversion = \"0.1.0\"\n";
    let tree = |name, lock: &[(&str, &str)]| {
        let (manifest, cargo_toml) = (manifest(""), cargo_toml(name, "[dependencies]\nplugin-sdk = \"0.1\""));
        let mut files = vec![("plugin.yaml", manifest.as_str()), ("Cargo.toml", cargo_toml.as_str())];
        files.push(("src/lib.rs", "extern crate plugin_sdk as _;"));
        files.extend(lock);
        fixture.tree(&files)
    };
    // A build that waits for the warm-up shows its output.
    let early = tree("early", &[]);
    let (warmed, early) = tokio::join!(fixture.builder.warm(&|_| {}), fixture.build(&early));
    if let Some(error) = warmed.err().or(early.err()) {
        panic!("{error}\n{}", error.compiler_output().unwrap_or_default());
    }
    let waited = std::mem::take(&mut *fixture.lines.lock().unwrap());
    assert_eq!(
        waited[0],
        "note: the SDK is compiled first, once for this toolchain, which takes about half a minute on two cores"
    );
    assert!(waited.iter().any(|line| line.contains("Compiling warm-up v")), "{waited:?}");

    // Both at once, so that the second takes the second slot.
    let (first, second) = (tree("first", &[("Cargo.lock", lock)]), tree("second", &[]));
    let (first, second) = tokio::join!(fixture.build(&first), fixture.build(&second));
    for result in [first, second] {
        if let Err(error) = result {
            panic!("{error}\n{}", error.compiler_output().unwrap_or_default());
        }
    }
    let lines = fixture.lines.lock().unwrap();
    let compiled: Vec<&String> = lines.iter().filter(|line| line.contains("Compiling")).collect();
    assert!(compiled.iter().all(|line| line.contains("first") || line.contains("second")), "{compiled:?}");
    assert_eq!(compiled.len(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("cargo changed +plugin-sdk 0.")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("not used in the crate graph")), "{lines:?}");
}

/// Gives cargo what this workspace has downloaded, so that the SDK builds without a network.
fn share_downloads(store: &Store) {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).expect("a cargo home");
    let link = store.cargo_home().join("registry");
    if !link.exists() {
        std::os::unix::fs::symlink(home.join("registry"), link).expect("a free name");
    }
}
