//! The collector: how it is reached, and what it says to a message (OTLP/HTTP, binary protobuf).

use std::path::PathBuf;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::{Certificate, Client, Response, Url, redirect};

use super::message::message;
use super::told::Told;
use crate::config::{Settings, TracesConfig};
use crate::outbound::Gate;

const CONNECT: Duration = Duration::from_secs(5);
const TIME_OUT: Duration = Duration::from_secs(10);
/// Longer is not waited for on a server's word.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Of an answer, more is not read.
const ANSWER: usize = 16 << 10;

/// A collector, and what part of the traces it is told.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    url: Url,
    ratio: f64,
}

/// Why it cannot be reached as it is told.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// Paths and tokens would travel in clear.
    #[error("[traces] otlp: `{0}` is another machine; write https://")]
    Clear(Url),
    /// The token cannot stand in a header.
    #[error("AOPS_OTLP_AUTHORIZATION is no value of an Authorization field, such as `Bearer …`")]
    Authorization,
    /// A file of certificates cannot be read.
    #[error("[traces] authority {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no client.
    #[error("[traces]: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It may be taken later.
    #[error("{why}")]
    Later { why: String, after: Option<Duration> },
    /// It will not.
    #[error("the collector answers {0}")]
    Never(u16),
}

impl Collector {
    /// The collector of `[traces]`, if there is one.
    ///
    /// # Errors
    /// [`CollectorError`]: what to change.
    pub fn of(settings: &Settings) -> Result<Option<Self>, CollectorError> {
        let authorization = settings.secrets.otlp_authorization.as_deref();
        settings.traces.as_ref().map(|config| Self::new(config, authorization)).transpose()
    }

    fn new(config: &TracesConfig, authorization: Option<&str>) -> Result<Self, CollectorError> {
        if !safe(&config.otlp) {
            return Err(CollectorError::Clear(config.otlp.clone()));
        }
        let mut fields =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"))]);
        if let Some(authorization) = authorization {
            let mut value =
                HeaderValue::from_str(authorization).map_err(|_| CollectorError::Authorization)?;
            value.set_sensitive(true);
            fields.insert(AUTHORIZATION, value);
        }
        let mut client = Gate::to_urls("otlp", [&config.otlp])
            .client()
            .default_headers(fields)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(TIME_OUT);
        if let Some(path) = &config.authority {
            let read =
                std::fs::read(path).map_err(|source| CollectorError::File { path: path.clone(), source })?;
            client = client.tls_certs_only(Certificate::from_pem_bundle(&read)?);
        }
        Ok(Self { client: client.build()?, url: config.otlp.clone(), ratio: config.ratio })
    }

    /// The part of the traces that begin here which it is told, from 0 to 1.
    pub(super) fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Sends spans in one message; how many of them the collector rejects.
    pub(super) async fn send(&self, spans: &[Told]) -> Result<usize, Fault> {
        let call = self.client.post(self.url.clone()).body(message(spans).encode_to_vec()).send().await;
        // What went wrong on the way quotes the address, which may hold a token.
        let away = |error: reqwest::Error| Fault::Later {
            why: if error.is_timeout() { "no answer in time" } else { "it cannot be reached" }.into(),
            after: None,
        };
        let answer = call.map_err(away)?;
        match answer.status().as_u16() {
            200..=299 => Ok(rejected(answer).await.min(spans.len())),
            // OTLP § Retryable response codes.
            status @ (429 | 502 | 503 | 504) => Err(Fault::Later {
                why: format!("the collector answers {status}"),
                after: retry_after(answer.headers()),
            }),
            status => Err(Fault::Never(status)),
        }
    }

    /// Whether it takes messages, by an empty one.
    ///
    /// # Errors
    /// What it answers instead.
    pub async fn try_out(&self) -> Result<(), String> {
        self.send(&[]).await.map(drop).map_err(|fault| fault.to_string())
    }
}

/// What a partial success says; an answer that says nothing took everything.
async fn rejected(mut answer: Response) -> usize {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        if body.len() + piece.len() > ANSWER {
            return 0;
        }
        body.extend_from_slice(&piece);
    }
    let said = ExportTraceServiceResponse::decode(body.as_slice()).unwrap_or_default();
    said.partial_success.map_or(0, |partial| usize::try_from(partial.rejected_spans).unwrap_or(0))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// Over TLS, but for this machine.
fn safe(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}
