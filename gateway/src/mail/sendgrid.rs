//! Letters handed to SendGrid (its v3 mail send call).

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Client, redirect};
use sendgrid::v3::{
    ClickTrackingSetting, Content, Email, Message, OpenTrackingSetting, Personalization, SGMap, Sender,
    SubscriptionTrackingSetting, TrackingSettings,
};
use url::{Host, Url};

use super::{Bulk, Handed, Letter, MailError, Mailer, MailerError, Reader};
use crate::config::MailConfig;
use crate::email::ascii_domain;
use crate::outbound::Gate;
use crate::trace::{Call, TRACEPARENT};

const PRODUCTION: &str = "https://api.sendgrid.com";
/// Where it must be, or on this machine.
const DOMAIN: &str = "sendgrid.com";
const CONNECT: Duration = Duration::from_secs(5);
const TIME_OUT: Duration = Duration::from_secs(15);
/// Readers of one call; SendGrid takes 1,000.
const READERS: usize = 500;
/// Longer is not waited for on a server's word.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Says by which name a repetition is known; SendGrid shows the same one in its events, as the argument `letter`.
const IDEMPOTENCY: &str = "Idempotency-Key";

/// SendGrid, with one key.
pub struct SendGrid {
    client: Client,
    url: String,
    from: String,
    from_name: String,
}

impl SendGrid {
    /// SendGrid at `base`, or where it really is.
    ///
    /// # Errors
    /// [`MailerError::Base`] when the address is neither https nor of this machine, [`MailerError::Key`] when the
    /// key cannot stand in a header.
    pub fn new(key: &str, base: Option<&str>, mail: &MailConfig) -> Result<Self, MailerError> {
        Self::with_time_out(key, base, mail, TIME_OUT)
    }

    fn with_time_out(
        key: &str,
        base: Option<&str>,
        mail: &MailConfig,
        time_out: Duration,
    ) -> Result<Self, MailerError> {
        let base = checked(base.unwrap_or(PRODUCTION))?;
        let headers = Sender::get_headers(key).map_err(|_| MailerError::Key)?;
        let gate = Gate::to_processor("sendgrid", DOMAIN, base).map_err(|_| MailerError::Base(base.to_owned()))?;
        let client = gate
            .client()
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(time_out)
            .build()
            .map_err(|_| MailerError::Base(base.to_owned()))?;
        Ok(Self {
            client,
            url: format!("{base}/v3/mail/send"),
            from: mail.from.clone(),
            from_name: mail.from_name.clone(),
        })
    }

    /// One call, named so that its repetition can be told.
    async fn call(&self, name: &str, message: &Message<'_>) -> Result<(), MailError> {
        let traced = Call::begin("sendgrid");
        let call = self.client.post(&self.url).header(IDEMPOTENCY, name).header(TRACEPARENT, traced.field());
        let call = call.json(message).send().await;
        traced.ended(call.as_ref().ok().map(|answer| answer.status().as_u16()));
        // What went wrong on the way may quote the address: it is not told.
        let answer = call.map_err(|error| MailError::Away {
            why: if error.is_timeout() {
                "SendGrid does not answer in time".into()
            } else {
                "SendGrid cannot be reached, or ends its answer half-way".into()
            },
            after: None,
        })?;
        let after = retry_after(answer.headers());
        match by_status(answer.status().as_u16(), after) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Mailer for SendGrid {
    fn name(&self) -> &'static str {
        "sendgrid"
    }

    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let to = ascii_domain(&letter.to);
        let mut person = Personalization::new(Email::new(&to))
            .add_custom_args(&SGMap::from([("letter", letter.id.as_str()), ("purpose", letter.purpose)]));
        let unsubscribe = letter.unsubscribe.as_ref().map(|url| format!("<{url}>"));
        if let Some(url) = &unsubscribe {
            let headers = SGMap::from([
                ("List-Unsubscribe", url.as_str()),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ]);
            person = person.add_headers(&headers);
        }
        let mut message = Message::new(Email::new(&self.from).set_name(&self.from_name))
            .set_subject(&letter.subject)
            .add_content(Content::new().set_content_type("text/plain").set_value(&letter.text))
            .add_content(Content::new().set_content_type("text/html").set_value(&letter.html))
            .set_tracking_settings(untracked())
            .add_category(letter.purpose)
            .add_personalization(person);
        if let Some(address) = &letter.reply_to {
            message = message.set_reply_to(Email::new(address));
        }
        self.call(&letter.id, &message).await
    }

    fn bulk(&self) -> usize {
        READERS
    }

    /// One call for all; where it is refused, halves, so that one wrong address keeps nobody else's letter back.
    async fn send_many(&self, bulk: &Bulk) -> Handed {
        let mut handed = Handed::default();
        let mut parts = Vec::from([Range { start: 0, end: bulk.readers.len() }]);
        while let Some(part) = parts.pop() {
            let name = format!("{}-{}-{}", bulk.id, part.start, part.end);
            match self.call_for(&name, bulk, &bulk.readers[part.clone()]).await {
                Ok(()) => handed.taken.extend(part),
                Err(MailError::Never(_)) if part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Err(MailError::Never(_)) => handed.refused.extend(part),
                Err(error) => {
                    handed.error = Some(error);
                    break;
                }
            }
        }
        handed
    }
}

impl SendGrid {
    /// One call with a personalization a reader.
    async fn call_for(&self, name: &str, bulk: &Bulk, readers: &[Reader]) -> Result<(), MailError> {
        let own: Vec<(String, String)> = readers
            .iter()
            .map(|reader| {
                let unsubscribe = bulk.unsubscribe.replace(Bulk::MARK, &reader.word);
                (ascii_domain(&reader.to), format!("<{unsubscribe}>"))
            })
            .collect();
        let mut message = Message::new(Email::new(&self.from).set_name(&self.from_name))
            .set_subject(&bulk.subject)
            .add_content(Content::new().set_content_type("text/plain").set_value(&bulk.text))
            .add_content(Content::new().set_content_type("text/html").set_value(&bulk.html))
            .set_tracking_settings(untracked())
            .add_categories(&[bulk.purpose, &bulk.issue]);
        for (reader, (to, unsubscribe)) in readers.iter().zip(&own) {
            let headers = SGMap::from([
                ("List-Unsubscribe", unsubscribe.as_str()),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ]);
            let known = SGMap::from([
                ("letter", reader.id.as_str()),
                ("issue", bulk.issue.as_str()),
                ("purpose", bulk.purpose),
            ]);
            let person = Personalization::new(Email::new(to))
                .add_substitutions(&SGMap::from([(Bulk::MARK, reader.word.as_str())]))
                .add_headers(&headers)
                .add_custom_args(&known);
            message = message.add_personalization(person);
        }
        self.call(name, &message).await
    }
}

/// Nobody's reading is followed.
fn untracked() -> TrackingSettings<'static> {
    TrackingSettings {
        click_tracking: Some(ClickTrackingSetting { enable: Some(false), enable_text: Some(false) }),
        open_tracking: Some(OpenTrackingSetting { enable: Some(false), substitution_tag: None }),
        // The links are ours: SendGrid adds none.
        subscription_tracking: Some(SubscriptionTrackingSetting { enable: Some(false) }),
    }
}

/// A key that is refused (401, 403) is ours to mend, after which the letter leaves: not the letter's fault.
fn by_status(status: u16, after: Option<Duration>) -> Option<MailError> {
    let why = format!("SendGrid answers {status}");
    match status {
        200..=299 => None,
        401 | 403 | 408 | 425 | 429 => Some(MailError::Away { why, after }),
        400..=499 => Some(MailError::Never(why)),
        _ => Some(MailError::Away { why, after }),
    }
}

/// How long the server asks to be left alone (RFC 9110 § 10.2.3): seconds, or a date, which is measured against
/// the same answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text(header::RETRY_AFTER)?.trim();
    let wait = match asked.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let instant = |text: &str| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
            let now = text(header::DATE).and_then(instant).unwrap_or_else(Timestamp::now);
            Duration::try_from(instant(asked)?.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

fn checked(base: &str) -> Result<&str, MailerError> {
    let wrong = || MailerError::Base(base.to_owned());
    let url = Url::parse(base).map_err(|_| wrong())?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && here);
    if allowed { Ok(base.trim_end_matches('/')) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::tests::{config, letter};
    use super::*;

    #[test]
    fn letters_leave_in_clear_for_this_machine_alone() {
        for base in
            ["https://api.sendgrid.com/", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"]
        {
            assert!(checked(base).is_ok(), "{base}");
        }
        for base in ["http://api.sendgrid.com", "http://127.0.0.1.example.org", "ftp://localhost", "x"] {
            assert!(checked(base).is_err(), "{base}");
        }
    }

    #[test]
    fn only_what_the_letter_is_guilty_of_ends_its_tries() {
        assert_eq!(by_status(202, None), None);
        for away in [401, 403, 429, 500, 503, 302] {
            assert!(matches!(by_status(away, None), Some(MailError::Away { .. })), "{away}");
        }
        for never in [400, 404, 413] {
            assert!(matches!(by_status(never, None), Some(MailError::Never(_))), "{never}");
        }
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_by_a_date() {
        let told = |fields: &[(http::HeaderName, &str)]| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            retry_after(&fields.collect())
        };
        let date = (header::DATE, "Thu, 26 Nov 2026 20:00:00 GMT");
        assert_eq!(told(&[(header::RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        let later = (header::RETRY_AFTER, "Thu, 26 Nov 2026 20:01:30 GMT");
        assert_eq!(told(&[date.clone(), later]), Some(Duration::from_secs(90)));
        let before = (header::RETRY_AFTER, "Thu, 26 Nov 2026 19:00:00 GMT");
        assert_eq!(told(&[date, before]), Some(Duration::ZERO));
        assert_eq!(told(&[(header::RETRY_AFTER, "999999999")]), Some(LONGEST_WAIT));
        assert_eq!(told(&[(header::RETRY_AFTER, "soon")]), None);
        assert_eq!(told(&[]), None);
    }

    /// A server that takes one call and writes these bytes, or nothing for a while; answers what it was sent.
    async fn answering(bytes: Option<&'static str>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            let length = |text: &str| {
                let (head, body) = text.split_once("\r\n\r\n")?;
                let line = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
                (body.len() >= line.parse().ok()?).then_some(())
            };
            let mut piece = [0; 4096];
            while length(&String::from_utf8_lossy(&heard)).is_none() {
                let count = stream.read(&mut piece).await.unwrap();
                assert!(count > 0, "the call ends early");
                heard.extend_from_slice(&piece[..count]);
            }
            match bytes {
                Some(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                None => tokio::time::sleep(Duration::from_secs(5)).await,
            }
            String::from_utf8(heard).unwrap()
        });
        (base, heard)
    }

    async fn sent(bytes: Option<&'static str>) -> (Result<(), MailError>, String) {
        let (base, heard) = answering(bytes).await;
        let patience = Duration::from_millis(500);
        let sendgrid = SendGrid::with_time_out("SG.key", Some(&base), &config(), patience).unwrap();
        let result = sendgrid.send(&letter("c@société.example")).await;
        (result, heard.await.unwrap())
    }

    #[tokio::test]
    async fn p_newsletter_fields_a_call_bears_the_letter_its_name_and_the_way_out() {
        let (result, heard) = sent(Some("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(result, Ok(()));
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v3/mail/send HTTP/1.1"), "{head}");
        assert!(head.contains("authorization: Bearer SG.key"), "{head}");
        assert!(head.contains("idempotency-key: abc"), "{head}");
        let field = head.lines().find_map(|line| line.strip_prefix("traceparent: 00-")).unwrap();
        assert_eq!(field.split('-').map(str::len).collect::<Vec<_>>(), [32, 16, 2], "{field}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let person = &body["personalizations"][0];
        assert_eq!(person["to"][0]["email"], "c@xn--socit-esab.example");
        assert_eq!(person["custom_args"], json!({ "letter": "abc", "purpose": "newsletter" }));
        assert_eq!(person["headers"]["List-Unsubscribe"], "<https://localhost/u?jeton=x>");
        assert_eq!(person["headers"]["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
        assert_eq!(body["categories"], json!(["newsletter"]));
        for followed in ["click_tracking", "open_tracking", "subscription_tracking"] {
            assert_eq!(body["tracking_settings"][followed]["enable"], false, "{followed}");
        }
    }

    #[tokio::test]
    async fn busy_broken_silent_and_half_answers_mean_later() {
        let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n";
        let thirty =
            MailError::Away { why: "SendGrid answers 429".into(), after: Some(Duration::from_secs(30)) };
        assert_eq!(sent(Some(busy)).await.0, Err(thirty));
        let broken = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";
        for answer in
            [Some(broken), None, Some(""), Some("HTTP/1.1 202 Acc"), Some("HTTP/1.1 202 Accepted\r\nx: ")]
        {
            let result = sent(answer).await.0;
            assert!(matches!(result, Err(MailError::Away { after: None, .. })), "{answer:?}: {result:?}");
        }
        let whole_head = "HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\nhalf";
        assert_eq!(sent(Some(whole_head)).await.0, Ok(()), "it was accepted, whatever follows");
    }
}
