//! Idempotent requests: a repeated request is performed once and gets the response of the first one.

use host_call::now_unix_ms;
use host_state::IdempotentRequestRecord;

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
    pub digest: String,
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
    pub async fn stored_response(&self, request: &IdempotentRequest) -> Result<IdempotentResponse, Error> {
        let kept = self.0.state.idempotent_request(&request.key).await?;
        let is_known = |kept: &IdempotentRequestRecord| now_unix_ms().saturating_sub(kept.created_unix_ms) < KEEP_MS;
        match kept.filter(is_known) {
            Some(kept) if kept.request != request.digest => return Ok(IdempotentResponse::Other),
            Some(IdempotentRequestRecord { response: Some(response), .. }) => {
                let opened = self.0.sealer.open(&context(&request.key), &response)?;
                return Ok(IdempotentResponse::Stored(String::from_utf8_lossy(&opened).into_owned()));
            }
            Some(IdempotentRequestRecord { job: Some(job), .. }) => return Ok(IdempotentResponse::Became(job)),
            // The host stopped, or the client disconnected, before the request had an effect.
            Some(_) | None => {}
        }
        self.write_record(request, None, None).await?;
        Ok(IdempotentResponse::New)
    }

    /// Stores the response to a request. It is sealed, because it may contain secrets.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn store_response(&self, request: &IdempotentRequest, response: &str) -> Result<(), Error> {
        let job = self.0.state.idempotent_request(&request.key).await?.and_then(|kept| kept.job);
        let sealed = self.0.sealer.seal(&context(&request.key), response.as_bytes())?;
        self.write_record(request, job, Some(sealed)).await
    }

    /// Forgets a request that had no effect. A request that has become a job stays recorded, and its response comes
    /// from the job.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn forget_request(&self, request: &IdempotentRequest) -> Result<(), Error> {
        Ok(self.0.state.forget_idempotent_request(&request.key).await?)
    }

    async fn write_record(
        &self,
        request: &IdempotentRequest,
        job: Option<String>,
        response: Option<String>,
    ) -> Result<(), Error> {
        let IdempotentRequest { key, digest } = request.clone();
        let now = now_unix_ms();
        let record = IdempotentRequestRecord { key, request: digest, created_unix_ms: now, job, response };
        Ok(self.0.state.put_idempotent_request(record, now.saturating_sub(KEEP_MS), MAX).await?)
    }
}

fn context(key: &str) -> String {
    format!("answer of {key}")
}
