//! The libgit2 transport for addresses that start with `https://`.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::{Arc, Once};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use git2::{ErrorClass, ErrorCode, Remote};
use ureq::BodyReader;

use super::http;
use super::session::Session;
use crate::Error;

thread_local! {
    /// The fetch that this thread runs. libgit2 calls back on the thread that called it.
    static CURRENT: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// Runs `fetch` with all requests of libgit2 on this thread going to `session`.
pub(crate) fn during<T>(session: &Arc<Session>, fetch: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            CURRENT.with(|current| current.replace(None));
        }
    }
    register();
    CURRENT.with(|current| current.replace(Some(session.clone())));
    let _reset = Reset;
    fetch()
}

#[expect(unsafe_code, reason = "libgit2 keeps its transports in a global list without a lock")]
fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: `register` must not run while another thread registers or looks up a transport. No other code of this
        // program uses git2, so this is the only registration, and `Once` runs it once. Remotes look up their transport
        // when they connect; that happens inside `during`, which waits here for the registration to end.
        let registered = unsafe { git2::transport::register("https", connect) };
        if let Err(error) = registered {
            // Fetches then fail with libgit2's own words, that it knows no `https`.
            tracing::error!(error = &error as &dyn std::error::Error, "git has no transport");
        }
    });
}

fn connect(remote: &Remote<'_>) -> Result<Transport, git2::Error> {
    let session = CURRENT.with(|current| current.borrow().clone());
    match session {
        Some(session) => Transport::smart(remote, true, Requests { session }),
        None => Err(failed("no fetch runs on this thread")),
    }
}

struct Requests {
    session: Arc<Session>,
}

impl SmartSubtransport for Requests {
    fn action(&self, url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        if let Err(error) = self.session.check_url(url) {
            self.session.fail(error);
            return Err(failed("another address was asked for"));
        }
        let lists = match service {
            Service::UploadPackLs => true,
            Service::UploadPack => false,
            Service::ReceivePackLs | Service::ReceivePack => return Err(failed("the host never pushes")),
        };
        Ok(Box::new(Exchange { session: self.session.clone(), lists, request: Vec::new(), answer: None }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request and its response. The request is sent when libgit2 starts to read.
struct Exchange {
    session: Arc<Session>,
    lists: bool,
    request: Vec<u8>,
    answer: Option<BodyReader<'static>>,
}

impl Exchange {
    fn read_answer(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.session.check()?;
        let answer = match &mut self.answer {
            Some(answer) => answer,
            None if self.lists => self.answer.insert(http::list(&self.session)?),
            None => self.answer.insert(http::request(&self.session, &self.request)?),
        };
        let n = answer.read(buffer).map_err(|error| http::error(&self.session.watch, error.into()))?;
        self.session.count(n)?;
        if self.lists {
            // git2 panics at a name that is not UTF-8. No revision can contain these bytes or their replacement
            // character, so this changes no name that could be requested.
            buffer[..n].iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'!');
        }
        Ok(n)
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_answer(buffer).map_err(|error| {
            self.session.fail(error);
            // A text of our own: git2 turns it into a C string, and would panic on a zero byte from the network.
            io::Error::other("the transport failed")
        })
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lists || self.answer.is_some() {
            return Err(io::Error::other("the request is already sent"));
        }
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(text: &str) -> git2::Error {
    git2::Error::new(ErrorCode::GenericError, ErrorClass::Net, text)
}
