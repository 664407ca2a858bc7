//! Requests that name themselves: the same one twice is done once, and answered as the first was.

use host_call::now_unix_ms;
use host_state::NamedRequest;

use crate::model::Error;
use crate::state::Host;

/// For how long a request is known by its name.
const KEEP_MS: u64 = 24 * 60 * 60 * 1000;
/// How many are known.
const MAX: u64 = 10_000;

/// A request that names itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// A digest of who asks and their name for it.
    pub key: String,
    /// A digest of what is asked.
    pub request: String,
}

/// What became of an earlier request of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotentAnswer {
    /// PresentState was none, or it came to nothing: this one is to be done.
    New,
    /// It was answered so.
    Answered(String),
    /// It has become this job.
    Became(String),
    /// It asked for something else.
    Other,
}

impl Host {
    /// What is to be done with a request that names itself. One that is new is noted, so that its job can be noted with it. Of requests
    /// with one name at once, only one may be here.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn named_answer(&self, named: &Named) -> Result<IdempotentAnswer, Error> {
        let kept = self.0.state.named_request(&named.key).await?;
        let is_known = |kept: &NamedRequest| now_unix_ms().saturating_sub(kept.created_unix_ms) < KEEP_MS;
        match kept.filter(is_known) {
            Some(kept) if kept.request != named.request => return Ok(IdempotentAnswer::Other),
            Some(NamedRequest { answer: Some(answer), .. }) => {
                let opened = self.0.sealer.open(&context(&named.key), &answer)?;
                return Ok(IdempotentAnswer::Answered(String::from_utf8_lossy(&opened).into_owned()));
            }
            Some(NamedRequest { job: Some(job), .. }) => return Ok(IdempotentAnswer::Became(job)),
            // The host ended, or the client went away, before anything had come of it.
            Some(_) | None => {}
        }
        self.note_named(named, None, None).await?;
        Ok(IdempotentAnswer::New)
    }

    /// Keeps what a request was answered. It may hold secrets, so it is sealed.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn keep_answer(&self, named: &Named, answer: &str) -> Result<(), Error> {
        let job = self.0.state.named_request(&named.key).await?.and_then(|kept| kept.job);
        let sealed = self.0.sealer.seal(&context(&named.key), answer.as_bytes())?;
        self.note_named(named, job, Some(sealed)).await
    }

    /// Forgets a request that came to nothing; one that has become a job stays, and is told by that.
    ///
    /// # Errors
    /// [`Error::State`].
    pub async fn forget_request(&self, named: &Named) -> Result<(), Error> {
        Ok(self.0.state.forget_named_request(&named.key).await?)
    }

    async fn note_named(&self, named: &Named, job: Option<String>, answer: Option<String>) -> Result<(), Error> {
        let Named { key, request } = named.clone();
        let now = now_unix_ms();
        let kept = NamedRequest { key, request, created_unix_ms: now, job, answer };
        Ok(self.0.state.put_named_request(kept, now.saturating_sub(KEEP_MS), MAX).await?)
    }
}

fn context(key: &str) -> String {
    format!("answer of {key}")
}
