//! Downloads the files of a repository that are in Git LFS: the batch API names an address for each file, and the bytes
//! that are downloaded from it must have the digest and size of the file's pointer.
//!
//! The server chooses the addresses, so each is checked: https, the server of the repository or an address of
//! `lfs_hosts`, and no private network unless it is a mirror. Addresses may contain secrets and never appear in errors.

mod content;
mod wire;

use std::collections::HashMap;
use std::io::Read as _;

use host_core::{Digest, TreePath};
use host_store::TreeWriter;
use serde_json::json;
use ureq::http::Uri;
use ureq::{Agent, BodyReader};
use url::Url;

use super::http;
use super::session::Session;
use crate::Error;
use crate::access::GitAccess;
use crate::lfs_pointers::Pointer;
use content::Content;
use wire::{Batch, Download, Object, Refusal};

const TYPE: &str = "application/vnd.git-lfs+json";
/// Maximum number of objects in one request, as in git-lfs.
const MAX_OBJECTS: usize = 100;
/// Maximum size of a response, far above what [`MAX_OBJECTS`] objects need.
const MAX_RESPONSE_BYTES: u64 = 4 << 20;
const MAX_REDIRECTS: usize = 3;

/// A file in Git LFS. The commit has only its pointer.
pub(super) struct InLfs {
    path: TreePath,
    is_executable: bool,
    pointer: Pointer,
}

impl InLfs {
    /// Reads the pointer that a commit has for a file.
    ///
    /// # Errors
    /// [`Error::Lfs`] if the pointer is invalid, [`Error::Store`] if the file is larger than a file may be.
    pub(super) fn new(
        session: &Session,
        path: TreePath,
        is_executable: bool,
        text: &[u8],
        max_bytes: u64,
    ) -> Result<InLfs, Error> {
        match Pointer::parse(text) {
            Some(pointer) if pointer.bytes > max_bytes => {
                Err(Error::Store(host_store::Error::FileTooLarge { path, max_bytes }))
            }
            Some(pointer) => Ok(InLfs { path, is_executable, pointer }),
            None => {
                let why = "its pointer is damaged, or has a version or extension that is not supported".to_owned();
                Err(Error::Lfs { url: session.asked().to_owned(), path, why })
            }
        }
    }

    fn error(&self, session: &Session, why: impl Into<String>) -> Error {
        Error::Lfs { url: session.asked().to_owned(), path: self.path.clone(), why: why.into() }
    }
}

/// Downloads the files and adds them to the tree.
///
/// # Errors
/// [`Error::Lfs`], [`Error::LfsHost`], [`Error::TokenRefused`], and the errors of a download of commits.
pub(super) fn download(session: &Session, files: &[InLfs], writer: &mut TreeWriter) -> Result<(), Error> {
    let Some(access) = session.lfs().filter(|_| !files.is_empty()) else { return Ok(()) };
    let mut downloads = Downloads { session, access, base: session.base(), agents: HashMap::new() };
    for files in files.chunks(MAX_OBJECTS) {
        let objects = downloads.batch(files)?;
        for file in files {
            let object = objects.get(&file.pointer.digest);
            let object = object.ok_or_else(|| file.error(session, "the server does not name it"))?;
            downloads.add(file, object, writer)?;
        }
    }
    Ok(())
}

struct Downloads<'s> {
    session: &'s Session,
    access: &'s GitAccess,
    /// The address of the repository.
    base: String,
    /// The clients for other servers than the repository's.
    agents: HashMap<String, Agent>,
}

impl Downloads<'_> {
    /// Asks for the addresses of the objects.
    fn batch(&self, files: &[InLfs]) -> Result<HashMap<Digest, Object>, Error> {
        let (session, first) = (self.session, &files[0]);
        let url = format!("{}.git/info/lfs/objects/batch", self.base.strip_suffix(".git").unwrap_or(&self.base));
        let object = |file: &InLfs| json!({ "oid": file.pointer.digest.hex(), "size": file.pointer.bytes });
        let objects: Vec<_> = files.iter().map(object).collect();
        let body = json!({
            "operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256",
        });
        let request = session.agent.post(&url).config().timeout_global(Some(session.watch.remaining())).build();
        let mut request = request.header("content-type", TYPE).header("accept", TYPE);
        let token = session.authorization(&self.base)?;
        if let Some((_, value)) = &token {
            request = request.header("authorization", value);
        }
        let response = request.send(body.to_string()).map_err(|source| http::error(&session.watch, source))?;
        match (response.status().as_u16(), token) {
            (200, _) => {}
            (status @ 401, Some((access, _))) => {
                let (url, prefix) = (session.asked().to_owned(), access.prefix.to_string());
                return Err(Error::TokenRefused { url, status, prefix });
            }
            (status, _) => return Err(first.error(session, format!("the LFS server answered {status}"))),
        }
        let mut text = vec![];
        let mut body = response.into_body().into_reader().take(MAX_RESPONSE_BYTES);
        body.read_to_end(&mut text).map_err(|error| http::error(&session.watch, error.into()))?;
        session.count(text.len())?;
        let batch: Batch = serde_json::from_slice(&text)
            .map_err(|_| first.error(session, "the response of the LFS server is not one of the batch API"))?;
        if batch.transfer.is_some_and(|transfer| transfer != "basic") {
            return Err(first.error(session, "the LFS server does not offer the transfer `basic`"));
        }
        let object = |object: Object| Some((object.oid.parse().ok()?, object));
        Ok(batch.objects.into_iter().filter_map(object).collect())
    }

    /// Downloads one file.
    fn add(&mut self, file: &InLfs, object: &Object, writer: &mut TreeWriter) -> Result<(), Error> {
        let session = self.session;
        if let Some(Refusal { code }) = object.error {
            return Err(file.error(session, format!("the LFS server answered {code} for it")));
        }
        let download = object.actions.as_ref().and_then(|actions| actions.download.as_ref());
        let download = download.ok_or_else(|| file.error(session, "the LFS server names no address for it"))?;
        let body = self.get(file, download)?;
        let mut content = Content::new(session, file, body);
        let added = writer.add(file.path.clone(), file.is_executable, &mut content);
        match (added, content.failure) {
            (Err(_), Some(failure)) => Err(failure),
            (added, _) => Ok(added.map(|_| ())?),
        }
    }

    fn get(&mut self, file: &InLfs, download: &Download) -> Result<BodyReader<'static>, Error> {
        let session = self.session;
        let headers = download.headers().map_err(|why| file.error(session, why))?;
        let first = self.checked(file, Url::parse(&download.href))?;
        let mut url = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.agent(&url)?.get(url.as_str());
            let mut request = request.config().timeout_global(Some(session.watch.remaining())).build();
            if url.origin() == first.origin() {
                request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            }
            if !headers.iter().any(|(name, _)| name == "authorization")
                && let Some((_, value)) = session.authorization(&self.token_address(&url))?
            {
                request = request.header("authorization", value);
            }
            let response = request.call().map_err(|source| http::error(&session.watch, source))?;
            match response.status().as_u16() {
                200 => return Ok(response.into_body().into_reader()),
                status if response.status().is_redirection() => {
                    let to = http::location(&response);
                    let to = to.ok_or_else(|| file.error(session, format!("the server answered {status}")))?;
                    url = self.checked(file, url.join(to))?;
                }
                status => return Err(file.error(session, format!("the server answered {status}"))),
            }
        }
        Err(file.error(session, "the server redirects too often"))
    }

    /// Returns the address that selects the token for a request to `url`. For addresses below the repository
    /// this is the address of the repository, because the section of `acme/hello` does not apply to
    /// `acme/hello.git/info`.
    fn token_address(&self, url: &Url) -> String {
        let base = self.base.strip_suffix(".git").unwrap_or(&self.base);
        let rest = url.as_str().strip_prefix(base);
        let is_below = rest.is_some_and(|rest| rest.starts_with('/') || rest.starts_with(".git/"));
        if is_below { self.base.clone() } else { url.to_string() }
    }

    fn agent(&mut self, url: &Url) -> Result<Agent, Error> {
        if is_same_server(&self.base, url) {
            return Ok(self.session.agent.clone());
        }
        let authority = url.authority().to_owned();
        if let Some(agent) = self.agents.get(&authority) {
            return Ok(agent.clone());
        }
        let agent = self.session.agent_for(url)?;
        self.agents.insert(authority, agent.clone());
        Ok(agent)
    }

    /// Checks an address that the server chose, and returns it if it may be requested.
    fn checked(&self, file: &InLfs, url: Result<Url, url::ParseError>) -> Result<Url, Error> {
        let refuse = |why: &str| Err(file.error(self.session, why));
        let Some(url) = url.ok().filter(|url| url.as_str().parse::<Uri>().is_ok()) else {
            return refuse("the address that the server names is invalid");
        };
        if url.scheme() != "https" {
            return refuse("the address that the server names is not https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("the address that the server names carries a user or password");
        }
        if !is_same_server(&self.base, &url) && !self.access.lfs_hosts.iter().any(|prefix| prefix.contains(&url)) {
            return Err(Error::LfsHost {
                url: self.session.asked().to_owned(),
                path: file.path.clone(),
                host: url.authority().to_owned(),
                prefix: self.access.prefix.to_string(),
            });
        }
        Ok(url)
    }
}

fn is_same_server(base: &str, url: &Url) -> bool {
    Url::parse(base).is_ok_and(|base| base.origin() == url.origin())
}
