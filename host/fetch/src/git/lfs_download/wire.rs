//! The response of the batch API of Git LFS. Fields that are not needed are ignored, because servers send more of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use ureq::http::{HeaderName, HeaderValue};

const MAX_HEADERS: usize = 20;
/// Headers that change the framing or the target of a request.
const FRAMING: [&str; 8] =
    ["connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"];

#[derive(Deserialize)]
pub(super) struct Batch {
    pub(super) transfer: Option<String>,
    pub(super) objects: Vec<Object>,
}

#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) oid: String,
    pub(super) error: Option<Refusal>,
    pub(super) actions: Option<Actions>,
}

#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) code: u16,
}

#[derive(Deserialize)]
pub(super) struct Actions {
    pub(super) download: Option<Download>,
}

/// The request that returns an object.
#[derive(Deserialize)]
pub(super) struct Download {
    pub(super) href: String,
    #[serde(default)]
    pub(super) header: BTreeMap<String, String>,
}

impl Download {
    /// Returns the headers that the server demands in the request. They may contain secrets.
    pub(super) fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        if self.header.len() > MAX_HEADERS {
            return Err(format!("the server asks for more than {MAX_HEADERS} headers"));
        }
        let header = |(name, value): (&String, &String)| {
            let refused = || format!("the server asks for the header `{}`", host_core::shown(name, 80));
            let name = HeaderName::try_from(name).map_err(|_| refused())?;
            if FRAMING.contains(&name.as_str()) {
                return Err(refused());
            }
            let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
            value.set_sensitive(true);
            Ok((name, value))
        };
        self.header.iter().map(header).collect()
    }
}
