//! One fetch of a list: bounded in bytes and time, over TLS, and known to be whole.

use std::time::Duration;

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use reqwest::{Client, Response, Url, redirect};

use super::Doubt;
use super::kept::About;
use crate::outbound::Gate;

const CONNECT: Duration = Duration::from_secs(10);
/// Between two pieces.
const PIECE: Duration = Duration::from_secs(15);
const WHOLE: Duration = Duration::from_secs(120);
const REDIRECTS: usize = 3;

/// What a fetch brought.
pub(super) enum Fetched {
    /// The same as last time.
    Unchanged,
    /// A list, and what the server tells of it.
    New(String, About),
}

/// A client for feeds of these addresses.
pub(super) fn client<'a>(feeds: impl Iterator<Item = &'a Url>) -> Result<Client, reqwest::Error> {
    let gate = Gate::to_urls("feeds", feeds);
    let client = gate.client();
    let redirects = redirect::Policy::custom(move |attempt| {
        // What began over TLS stays there, on this machine too.
        let clear = attempt.previous().first().is_some_and(|first| first.scheme() == "http");
        let kept = attempt.url().scheme() == "https" || (clear && safe(attempt.url()));
        let kept = kept && gate.admits(attempt.url());
        let allowed = attempt.previous().len() <= REDIRECTS && kept;
        if allowed { attempt.follow() } else { attempt.stop() }
    });
    client
        .redirect(redirects)
        .connect_timeout(CONNECT)
        .read_timeout(PIECE)
        .timeout(WHOLE)
        .build()
}

/// Over TLS, but for this machine.
pub(super) fn safe(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

/// Asks for a list, unless it is what `before` tells.
///
/// # Errors
/// [`Doubt`]: there is none, or not all of it.
pub(super) async fn fetch(client: &Client, url: &Url, most: u64, before: &About) -> Result<Fetched, Doubt> {
    let mut request = client.get(url.clone());
    if let Some(etag) = &before.etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if let Some(modified) = &before.modified {
        request = request.header(IF_MODIFIED_SINCE, modified);
    }
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED => return Ok(Fetched::Unchanged),
        status => return Err(Doubt::Status(status.as_u16())),
    }
    if response.content_length().is_some_and(|length| length > most) {
        return Err(Doubt::TooLarge(most));
    }
    let framed = framed(&response);
    let told = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let about =
        About { url: url.to_string(), etag: told(ETAG), modified: told(LAST_MODIFIED), ..About::default() };
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if (body.len() + piece.len()) as u64 > most {
            return Err(Doubt::TooLarge(most));
        }
        body.extend_from_slice(&piece);
    }
    if !framed && !body.ends_with(b"\n") {
        return Err(Doubt::Cut);
    }
    String::from_utf8(body).map(|text| Fetched::New(text, about)).map_err(|_| Doubt::NoText)
}

/// Whether the transport itself tells where the body ends (RFC 9112 § 8): a connection that just closes does not.
fn framed(response: &Response) -> bool {
    response.version() == Version::HTTP_2
        || response.content_length().is_some()
        || response.headers().contains_key(TRANSFER_ENCODING)
}

/// The innermost cause, which is the one that tells.
fn unreachable(error: &reqwest::Error) -> Doubt {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Doubt::Unreachable(cause.to_string())
}
