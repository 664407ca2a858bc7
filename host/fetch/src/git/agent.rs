//! The HTTP client of one fetch. It connects only to public addresses and stops waiting when the fetch ends.

use std::time::{Duration, Instant};

use host_core::is_public_address;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport, time,
};
use ureq::{Agent, http};

use super::watch::Watch;
use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval at which a waiting connection checks whether to continue.
pub(super) const LOOK_UP: Duration = Duration::from_millis(100);

/// A client for one fetch. Only a mirror, which the operator configured, may be in a private network or use plain HTTP.
/// `authorities` replace the public certificate authorities.
pub(crate) fn agent(watch: &Watch, is_mirror: bool, authorities: Option<RootCerts>) -> Agent {
    let tls = TlsConfig::builder().root_certs(authorities.unwrap_or(RootCerts::WebPki)).build();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .https_only(!is_mirror)
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls)
        .user_agent("git/2.0 (plugin-host)")
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(watch.stall_timeout))
        .timeout_per_write(Some(watch.stall_timeout))
        .build();
    let connector = ().chain(TcpConnector::default()).chain(Watching(watch.clone())).chain(RustlsConnector::default());
    if is_mirror {
        Agent::with_parts(config, connector, DefaultResolver::default())
    } else {
        Agent::with_parts(config, connector, PublicResolver::default())
    }
}

// === impl PublicResolver ===

/// Returns only public addresses. The connection uses one of these, so a name that resolves differently a moment later
/// cannot bypass the check.
#[derive(Debug, Default)]
struct PublicResolver {
    inner: DefaultResolver,
}

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public_address(address.ip())) {
            public.push(*address);
        }
        match (public.is_empty(), found.first()) {
            (true, Some(refused)) => {
                let host = uri.host().unwrap_or_default().to_owned();
                Err(ureq::Error::Other(Box::new(Error::PrivateAddress { host, address: refused.ip() })))
            }
            _ => Ok(public),
        }
    }
}

// === impl Watching ===

/// Makes connections that stop waiting when the fetch has to end.
#[derive(Debug)]
struct Watching(Watch);

impl<In: Transport> Connector<In> for Watching {
    type Out = Watched<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Watched<In>>, ureq::Error> {
        Ok(chained.map(|inner| Watched { inner, watch: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Watched<In> {
    inner: In,
    watch: Watch,
}

impl<In: Transport> Transport for Watched<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let limit = timeout.for_read();
        let started = Instant::now();
        loop {
            self.watch.check().map_err(|error| ureq::Error::Other(Box::new(error)))?;
            let rest = limit.after.saturating_sub(started.elapsed());
            let slice = NextTimeout { after: time::Duration::Exact(rest.min(LOOK_UP)), ..limit };
            // Bytes that arrive after a slice are still in the socket for the next one.
            match self.inner.await_input(slice) {
                Err(ureq::Error::Timeout(_)) if rest > LOOK_UP => {}
                Err(ureq::Error::Timeout(_)) => return Err(ureq::Error::Timeout(limit.reason)),
                result => return result,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
