//! The schemas of a plugin's configuration and request bodies, which are stored with the artifact.

use std::collections::BTreeMap;

use host_core::configuration::{Schema, SchemaError};
use host_core::{Manifest, TreePath};
use host_store::Tree;

use crate::Error;

/// The maximum total size of all body schemas, in bytes.
const MAX_BODIES_BYTES: usize = 4 * Schema::MAX_BYTES;

/// The texts of the schemas that a manifest names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schemas {
    /// The configuration schema.
    pub(crate) configuration: Option<Vec<u8>>,
    /// The body schemas, as stored in the artifact: a JSON object, from path to text.
    pub(crate) bodies: Option<Vec<u8>>,
}

impl Schemas {
    /// The schemas in the form of the store.
    pub(crate) fn kept(&self) -> host_store::Schemas<'_> {
        host_store::Schemas { configuration: self.configuration.as_deref(), bodies: self.bodies.as_deref() }
    }
}

/// Reads the schemas named by a manifest. They are compiled only to check them; the artifact stores their texts.
pub(crate) fn read(tree: &Tree, manifest: &Manifest) -> Result<Schemas, Error> {
    let configuration = manifest.configuration_schema.as_ref();
    let configuration =
        configuration.map(|path| read_one(tree, path, "configuration_schema".to_owned())).transpose()?;
    let mut bodies = BTreeMap::new();
    let mut bytes = 0;
    for (number, endpoint) in manifest.endpoints.iter().enumerate() {
        let Some(path) = endpoint.body_schema().filter(|path| !bodies.contains_key(path.as_str())) else { continue };
        let text = read_one(tree, path, format!("endpoints[{number}].validation.schema"))?;
        bytes += text.len();
        if bytes > MAX_BODIES_BYTES {
            let source = SchemaError::TooLarge { max_bytes: MAX_BODIES_BYTES };
            return Err(Error::SchemaRefused { path: format!("{path}, with those before it"), source });
        }
        // A schema that compiles is JSON, which is UTF-8.
        bodies.insert(path.as_str().to_owned(), String::from_utf8_lossy(&text).into_owned());
    }
    let bodies = (!bodies.is_empty()).then(|| serde_json::to_vec(&bodies).unwrap_or_default());
    Ok(Schemas { configuration, bodies })
}

/// Compiles the body schemas of an artifact: each by its path in plugin.yaml.
///
/// # Errors
/// The stored text is damaged, or a schema is refused.
pub fn body_schemas(text: &[u8]) -> Result<BTreeMap<String, Schema>, SchemaError> {
    let texts: BTreeMap<String, String> = serde_json::from_slice(text)
        .map_err(|error| SchemaError::NotAnObject { reason: format!("the list of schemas: {error}") })?;
    texts.into_iter().map(|(path, text)| Ok((path, Schema::compile(text.as_bytes())?))).collect()
}

fn read_one(tree: &Tree, path: &TreePath, field: String) -> Result<Vec<u8>, Error> {
    let refused = |source| Error::SchemaRefused { path: path.to_string(), source };
    let text = tree.read(path, Schema::MAX_BYTES as u64).map_err(|error| match error {
        host_store::Error::NoSuchFile { .. } => Error::SchemaMissing { field, path: path.to_string() },
        host_store::Error::FileTooLarge { .. } => refused(SchemaError::TooLarge { max_bytes: Schema::MAX_BYTES }),
        other => Error::Store(other),
    })?;
    Schema::compile(&text).map_err(refused)?;
    Ok(text)
}
