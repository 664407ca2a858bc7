//! The files of a new plugin.

use host_core::{IdError, PluginId};

/// Every file of the template, by its path inside it, sorted.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/template_files.rs"));

/// Names that Rust or cargo reserves, and names of crates that a plugin already depends on.
#[rustfmt::skip]
const TAKEN: &[&str] = &[
    "abstract", "alloc", "async", "await", "become", "box", "break", "build", "const", "continue", "core", "crate",
    "deps", "dyn", "else", "enum", "examples", "extern", "false", "final", "for", "gen", "impl", "incremental", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "plugin-sdk", "plugin-sdk-abi", "plugin-sdk-macros",
    "priv", "proc-macro", "pub", "ref", "return", "self", "serde", "serde-json", "static", "std", "struct", "super",
    "test", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The name of a new plugin: a plugin id that is also a good name for a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(PluginId);

/// The reason why a name is not allowed for a new plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum NameError {
    /// plugin.yaml would refuse it.
    #[error(transparent)]
    Id(#[from] IdError),
    /// cargo would refuse it.
    #[error("`{name}` can't be the name of a crate: {rule}")]
    Crate { name: String, rule: &'static str },
}

impl ProjectName {
    /// Reads a name as cargo-generate does, which writes `MyPlugin` and `my_plugin` as `my-plugin`.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn parse(text: &str) -> Result<ProjectName, NameError> {
        // The name as typed, for messages.
        let _: PluginId = text.parse()?;
        let id: PluginId = heck::ToKebabCase::to_kebab_case(text).parse()?;
        let refuse = |rule| Err(NameError::Crate { name: id.to_string(), rule });
        if !id.as_str().starts_with(|c: char| c.is_ascii_alphabetic()) {
            return refuse("it must begin with a letter");
        }
        if TAKEN.contains(&id.as_str()) {
            return refuse("it is a word of Rust or cargo, or a crate that plugins depend on");
        }
        Ok(ProjectName(id))
    }

    /// The name, with `-` between its words: the id of the plugin and the name of its package.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The files of a new plugin, by their path in its folder: the same as cargo-generate creates from the template.
pub fn files(name: &ProjectName) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let (project, library) = (name.as_str().to_owned(), name.as_str().replace('-', "_"));
    FILES.iter().map(move |(path, bytes)| match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.replace("{{project-name}}", &project).replace("{{crate_name}}", &library);
            (*path, text.into_bytes())
        }
        Err(_) => (*path, bytes.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_plugin_id_and_a_crate_name() {
        let name = |text: &str| ProjectName::parse(text).map(|name| name.as_str().to_owned());
        for (text, expected) in
            [("my-plugin", "my-plugin"), ("my_plugin", "my-plugin"), ("MyPlugin", "my-plugin"), ("abc2", "abc2")]
        {
            assert_eq!(name(text).as_deref(), Ok(expected));
        }
        for (text, part) in [
            ("ab", "3 to 50"),
            ("a/b", "'/'"),
            ("system", "reserved for the management API"),
            ("___", "3 to 50"),
            ("2fast", "begin with a letter"),
            ("match", "word of Rust"),
            ("plugin_sdk", "plugins depend on"),
        ] {
            let error = name(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        let files: Vec<_> = files(&ProjectName::parse("my-plugin").unwrap()).collect();
        for file in [".gitignore", "Cargo.toml", "README.md", "plugin.yaml", "src/lib.rs"] {
            assert!(files.iter().any(|(path, _)| *path == file), "{file}");
        }
        for (path, bytes) in files {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains("{{") && !text.contains("{%"), "{path}");
        }
    }
}
