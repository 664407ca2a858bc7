//! The content of a file while it is downloaded.

use std::io::{self, Read, Write as _};

use host_core::DigestWriter;
use ureq::BodyReader;

use super::InLfs;
use crate::Error;
use crate::git::http;
use crate::git::session::Session;
use crate::lfs_pointers::Pointer;

/// The bytes of a file. Reading fails unless they have the size and digest of its pointer.
pub(super) struct Content<'s> {
    session: &'s Session,
    file: &'s InLfs,
    body: BodyReader<'static>,
    digest: DigestWriter,
    bytes: u64,
    /// The reason why reading failed.
    pub(super) failure: Option<Error>,
}

impl<'s> Content<'s> {
    pub(super) fn new(session: &'s Session, file: &'s InLfs, body: BodyReader<'static>) -> Content<'s> {
        Content { session, file, body, digest: DigestWriter::new(), bytes: 0, failure: None }
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let Pointer { digest, bytes } = self.file.pointer;
        let n = self.body.read(buffer).map_err(|error| http::error(&self.session.watch, error.into()))?;
        self.session.check()?;
        self.session.count(n)?;
        self.bytes += n as u64;
        if self.bytes > bytes || n == 0 && self.bytes != bytes {
            return Err(self.file.error(self.session, format!("it does not have the {bytes} bytes of its pointer")));
        }
        self.digest.write_all(&buffer[..n]).expect("a digest accepts all bytes");
        if n == 0 && self.digest.clone().finish() != digest {
            return Err(self.file.error(self.session, "its digest is not the one of its pointer"));
        }
        Ok(n)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(|error| {
            self.failure = Some(error);
            io::Error::other("the download failed")
        })
    }
}
