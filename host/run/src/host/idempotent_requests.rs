//! Idempotent requests: a repeated request is performed once and gets the response of the first one.

use host_call::now_unix_ms;
use host_state::NamedRequest;

use crate::model::Error;
use crate::state::Host;

/// The time for which a request is remembered.
const KEEP_MS: u64 = 24 * 60 * 60 * 1000;
/// The maximum number of stored requests.
const MAX: u64 = 10_000;

/// A request with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// The digest of the caller and its key.
    pub key: String,
    /// The digest of the request.
    pub request: String,
}

/// The outcome of an earlier request with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotentResponse {
    /// There was none, or it had no effect: the request is to be performed.
    New,
    /// The stored response.
    Stored(String),
    /// The id of the job that the request has become.
    Became(String),
    /// The key was used for another request.
    Other,
}

impl Host {
    /// Returns the outcome of an earlier request with the same key. A new request is recorded, so that its job can be
    /// recorded with it. Requests with the same key must be passed one at a time.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn stored_response(&self, named: &IdempotentRequest) -> Result<IdempotentResponse, Error> {
        let kept = self.0.state.named_request(&named.key).await?;
        let is_known = |kept: &NamedRequest| now_unix_ms().saturating_sub(kept.created_unix_ms) < KEEP_MS;
        match kept.filter(is_known) {
            Some(kept) if kept.request != named.request => return Ok(IdempotentResponse::Other),
            Some(NamedRequest { answer: Some(answer), .. }) => {
                let opened = self.0.sealer.open(&context(&named.key), &answer)?;
                return Ok(IdempotentResponse::Stored(String::from_utf8_lossy(&opened).into_owned()));
            }
            Some(NamedRequest { job: Some(job), .. }) => return Ok(IdempotentResponse::Became(job)),
            // The host stopped, or the client disconnected, before the request had an effect.
            Some(_) | None => {}
        }
        self.note_named(named, None, None).await?;
        Ok(IdempotentResponse::New)
    }

    /// Stores the response to a request. It is sealed, because it may contain secrets.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn store_response(&self, named: &IdempotentRequest, response: &str) -> Result<(), Error> {
        let job = self.0.state.named_request(&named.key).await?.and_then(|kept| kept.job);
        let sealed = self.0.sealer.seal(&context(&named.key), response.as_bytes())?;
        self.note_named(named, job, Some(sealed)).await
    }

    /// Forgets a request that had no effect. A request that has become a job stays recorded, and its response comes
    /// from the job.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn forget_request(&self, named: &IdempotentRequest) -> Result<(), Error> {
        Ok(self.0.state.forget_named_request(&named.key).await?)
    }

    async fn note_named(
        &self,
        named: &IdempotentRequest,
        job: Option<String>,
        answer: Option<String>,
    ) -> Result<(), Error> {
        let IdempotentRequest { key, request } = named.clone();
        let now = now_unix_ms();
        let kept = NamedRequest { key, request, created_unix_ms: now, job, answer };
        Ok(self.0.state.put_named_request(kept, now.saturating_sub(KEEP_MS), MAX).await?)
    }
}

fn context(key: &str) -> String {
    format!("answer of {key}")
}
