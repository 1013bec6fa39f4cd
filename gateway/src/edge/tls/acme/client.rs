//! HTTP to the authority: to the directory's host alone, bounded in time and size.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use reqwest::{Certificate, redirect};
use rustls_pki_types::CertificateDer;

use super::AcmeConfig;
use crate::edge::tls::{TlsError, chain, read};
use crate::outbound::Gate;

const CONNECT: Duration = Duration::from_secs(10);
/// The longest that one exchange may take.
const WHOLE: Duration = Duration::from_secs(20);
/// The longest answer, in bytes: a chain of certificates.
const ANSWER_LIMIT: usize = 256 * 1024;
/// The longest rest that an authority may ask for.
const LONGEST_REST: Duration = Duration::from_secs(86_400);

/// Speaks to one authority.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    /// Scheme, host and port of the directory.
    origin: url::Origin,
    /// Until when the authority wants to be left alone.
    rest: Arc<Mutex<Option<Instant>>>,
}

impl Client {
    /// # Errors
    /// [`TlsError`]: the authority's root cannot be read.
    pub(super) fn new(config: &AcmeConfig) -> Result<Self, TlsError> {
        let mut http = Gate::to_urls("acme", [&config.directory])
            .client()
            .redirect(redirect::Policy::none())
            .https_only(true)
            .connect_timeout(CONNECT)
            .timeout(WHOLE);
        if let Some(path) = &config.authority {
            let roots = chain(path, &read(path)?)?;
            let roots = roots.iter().map(|root: &CertificateDer<'_>| Certificate::from_der(root));
            http = http.tls_certs_only(roots.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Self { http: http.build()?, origin: config.directory.origin(), rest: Arc::default() })
    }

    /// How long the authority still wants to be left alone.
    pub(super) fn rest(&self) -> Option<Duration> {
        let rest = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.map(|until| until.saturating_duration_since(Instant::now())).filter(|rest| !rest.is_zero())
    }

    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let other = |error: reqwest::Error| Error::Other(error.into());
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await;
        let request =
            reqwest::Request::try_from(Request::from_parts(parts, body.to_bytes())).map_err(other)?;
        if request.url().origin() != self.origin {
            let told = format!("the authority leads to {}, which is not its directory's host", request.url());
            return Err(Error::Other(told.into()));
        }
        let mut answer = self.http.execute(request).await.map_err(other)?;
        if matches!(answer.status().as_u16(), 429 | 503) {
            let told = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let until = told.and_then(retry_after).and_then(|rest| Instant::now().checked_add(rest));
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = until;
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(other)? {
            if body.len() + piece.len() > ANSWER_LIMIT {
                return Err(Error::Other("the authority's answer is too long".into()));
            }
            body.extend_from_slice(&piece);
        }
        let mut response = Response::new(Full::new(body.freeze()));
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(BytesResponse::from(response))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().ask(request))
    }
}

/// Seconds, or a date (RFC 9110 § 10.2.3); at most a day.
fn retry_after(told: &str) -> Option<Duration> {
    let rest = match told.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(told.trim()).ok()?.timestamp();
            Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()?
        }
    };
    Some(rest.min(LONGEST_REST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_to_be_left_alone_is_read_in_both_forms_and_bounded() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("99999999999"), Some(LONGEST_REST));
        assert_eq!(retry_after("Thu, 31 Dec 2099 23:59:59 GMT"), Some(LONGEST_REST));
        assert_eq!(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(retry_after("soon"), None);
    }
}
