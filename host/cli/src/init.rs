//! `init`: writes a commented host.toml and plugins.yaml.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::args::Init;
use crate::config;
use host_client::Failure;
use host_client::output::{self, text};

/// The settings of the file: keys of host.toml and example values, as TOML.
const EXAMPLES: &[(&str, &str)] = &[
    ("host", r#""127.0.0.1""#),
    ("port", "4000"),
    ("allowed_hosts", r#"["plugins.example.org"]"#),
    ("tls_cert", r#""tls.pem""#),
    ("tls_key", r#""tls.key""#),
    ("plugin_dir", r#""./cache""#),
    ("cache_dir", r#""./build_cache""#),
    ("cache_max_size", r#""20GiB""#),
    ("auto_load_plugins", r#"["https://github.com/owner/name"]"#),
    ("source_roots", r#"["."]"#),
    ("allowed_repositories", r#"["github.com/owner/*"]"#),
    ("indexes", r#"["https://github.com/owner/index"]"#),
    ("security_mode", r#""normal""#),
    ("max_upload_bytes", r#""64MiB""#),
    ("fetch_private_hosts", r#"["10.0.0.7:8080"]"#),
    ("secrets", r#"["my-plugin/api_key=file:/etc/plugin-host/api.key"]"#),
    ("log_format", r#""pretty""#),
    ("log_filter", r#""info""#),
];

/// The remedy for a folder that cannot be written.
const ANOTHER_FOLDER: &str = "name a folder that you may write: `plugin-host init DIR`";

const PLUGINS_YAML: &str = "\
# The plugins of a host. Show what would change:  plugin-host plan -f plugins.yaml
# Make the changes:                               plugin-host apply -f plugins.yaml
# Remove the `#` before a line to use it; docs/operating.md describes every key.
version: 1
# prune: true                 # unload plugins that are not listed, and keep their data
plugins: []                   # delete this line when you use the next one
# plugins:
#   - source: https://github.com/owner/name   # or a folder, a .zip or a .so
#     version: 1.2.0          # a version, tag, branch or commit; without it the newest release
#     id: name                # checked against the plugin
#     goal: running           # running, stopped, disabled or installed
#     configuration: {greeting: Hi}
#     update: {policy: minor, automatic: false, interval_seconds: 3600}
";

/// Writes the files.
///
/// # Errors
/// One of the files exists (then nothing is written), or the folder or a file cannot be written.
pub(crate) fn init(args: &Init) -> Result<(), Failure> {
    let files = [("host.toml", host_toml()), ("plugins.yaml", PLUGINS_YAML.to_owned())];
    let place = |name: &str| match args.folder.to_str() {
        Some(".") => PathBuf::from(name),
        _ => args.folder.join(name),
    };
    let paths = files.map(|(name, text)| (place(name), text));
    let existing: Vec<_> = paths.iter().map(|(path, _)| path).filter(|path| path.symlink_metadata().is_ok()).collect();
    if !existing.is_empty() {
        return Err(exists(&existing, "`init` does not overwrite files, and has written nothing"));
    }
    std::fs::create_dir_all(&args.folder).map_err(|error| {
        let failure = Failure::from_error(format!("failed to create the folder `{}`", args.folder.display()), &error);
        failure.fix(ANOTHER_FOLDER)
    })?;
    for (path, text) in &paths {
        match host_store::atomic::write_new(path, text.as_bytes(), 0o644) {
            Ok(()) => output::line(&path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(exists(&[path], "`init` does not overwrite files"));
            }
            Err(error) => {
                let failure = Failure::from_error(format!("failed to write `{}`", path.display()), &error);
                return Err(failure.fix(ANOTHER_FOLDER));
            }
        }
    }
    let mut next = "\nnext:\n".to_owned();
    if paths[0].0 != Path::new("host.toml") {
        let _ = writeln!(next, "  cd {}", text::shell_word(&args.folder.display().to_string()));
    }
    next += "  edit host.toml and plugins.yaml\n  plugin-host serve                    # run the host\n";
    next += "  plugin-host apply -f plugins.yaml    # in another terminal, in this folder";
    output::error_line(&next);
    Ok(())
}

fn exists(paths: &[&PathBuf], reason: &str) -> Failure {
    let names: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    let verb = if names.len() == 1 { "exists" } else { "exist" };
    Failure::failed(format!("{} {verb}", names.join(" and ")))
        .because(reason)
        .fix("move existing files away, or name another folder: `plugin-host init DIR`")
}

/// Returns the text of host.toml: each setting with its description, as a comment.
fn host_toml() -> String {
    let mut text = "\
# Settings of plugin-host. Every value is an example or the default; remove the `#` before a line to use it.
# All settings: plugin-host config show     Their descriptions: plugin-host serve --help
"
    .to_owned();
    for (key, value) in EXAMPLES {
        let _ = write!(text, "\n# {}\n#{key} = {value}\n", config::about(key));
    }
    text.push_str("\n# Configuration of a plugin, over the defaults of its plugin.yaml\n#[configuration.my-plugin]\n#greeting = \"Hi\"\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text without the `#` before settings.
    fn used(text: &str, comment: &str) -> String {
        let line = |line: &str| line.strip_prefix(comment).unwrap_or(line).to_owned() + "\n";
        text.lines().map(line).collect()
    }

    #[test]
    fn every_setting_of_host_toml_exists_and_has_a_valid_value() {
        let read = |text: &str| config::read_text(Path::new("host.toml"), text).unwrap();
        assert!(read(&host_toml()).iter().all(|setting| setting.origin == config::Origin::Default));
        let text: String = host_toml()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(used) if !used.starts_with(' ') => format!("{used}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let n_set = read(&text).iter().filter(|setting| setting.origin != config::Origin::Default).count();
        assert_eq!(n_set, EXAMPLES.len());
    }

    #[test]
    fn plugins_yaml_is_valid_with_and_without_its_examples() {
        let read = |text: &str| host_core::plugin_set::read(text.as_bytes()).unwrap();
        assert!(read(PLUGINS_YAML).plugins.is_empty());
        let text: String = PLUGINS_YAML
            .lines()
            .skip(3)
            .filter(|line| !line.starts_with("plugins: []"))
            .fold(String::new(), |text, line| text + &used(line, "# "));
        let set = read(&text);
        assert!(set.prune && set.plugins.len() == 1, "{text}");
    }
}
