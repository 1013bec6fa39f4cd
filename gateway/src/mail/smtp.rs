//! Letters handed to a mail server (RFC 5321) over TLS.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde::Deserialize;

use super::message::{message, sender};
use super::{Letter, MailError, Mailer, MailerError};
use crate::config::MailConfig;

const TIME_OUT: Duration = Duration::from_secs(15);
/// Connections kept open at most.
const CONNECTIONS: u32 = 8;

/// The `[mail.smtp]` table of `site.toml`; the password is `AOPS_SMTP_PASSWORD`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The server's name, which its certificate bears.
    pub host: String,
    /// 465 for TLS from the start, 587 for STARTTLS, when absent.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is kept private.
    #[serde(default)]
    pub security: Security,
    /// Who we are there.
    #[serde(default)]
    pub user: Option<String>,
    /// The authority of its certificate, in PEM, instead of those that browsers trust.
    #[serde(default)]
    pub authority: Option<PathBuf>,
}

impl SmtpConfig {
    /// The port, the usual one where none is named.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.security == Security::Tls { 465 } else { 587 })
    }
}

/// How a connection to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (RFC 8314 § 3.3).
    #[default]
    Tls,
    /// TLS after STARTTLS, and nothing without it.
    StartTls,
    /// In clear, on this machine alone.
    None,
}

/// A mail server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The server of a configuration; nothing is asked of it yet.
    ///
    /// # Errors
    /// [`MailerError`].
    pub fn new(config: &SmtpConfig, password: Option<&str>, mail: &MailConfig) -> Result<Self, MailerError> {
        let security = match config.security {
            Security::Tls => Tls::Wrapper(parameters(config)?),
            Security::StartTls => Tls::Required(parameters(config)?),
            Security::None if local(&config.host) => Tls::None,
            Security::None => {
                return Err(MailerError::Smtp(format!(
                    "security = \"none\" would send letters to {} in clear; write \"tls\" or \"starttls\"",
                    config.host
                )));
            }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port())
            .tls(security)
            .timeout(Some(TIME_OUT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS));
        builder = match (&config.user, password) {
            (Some(user), Some(password)) => {
                builder.credentials(Credentials::new(user.clone(), password.to_owned()))
            }
            (Some(_), None) => return Err(MailerError::Smtp("AOPS_SMTP_PASSWORD is not set".into())),
            (None, _) => builder,
        };
        Ok(Self { transport: builder.build(), from: sender(mail)? })
    }
}

#[async_trait]
impl Mailer for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = message(&self.from, letter)?;
        match tokio::time::timeout(TIME_OUT * 2, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(away("the mail server does not answer in time")),
        }
    }
}

fn parameters(config: &SmtpConfig) -> Result<TlsParameters, MailerError> {
    let fault = |error: String| MailerError::Smtp(error);
    let mut builder =
        TlsParameters::builder(config.host.clone()).certificate_store(CertificateStore::WebpkiRoots);
    if let Some(path) = &config.authority {
        let pem = fs::read(path).map_err(|error| fault(format!("{}: {error}", path.display())))?;
        let authority = Certificate::from_pem(&pem).map_err(|error| fault(error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    builder.build_rustls().map_err(|error| fault(error.to_string()))
}

fn local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What the server answers may quote addresses: only its code is told.
fn judged(error: &Error) -> MailError {
    let Some(code) = error.status() else {
        return away("the mail server cannot be reached or does not keep to the protocol");
    };
    let why = format!("the mail server answers {code}");
    match u16::from(code) {
        // Closing, too busy, or not ours to use (RFC 4954 § 6): ours to mend or to wait for, not the letter's fault.
        421 | 454 | 530 | 534 | 535 | 538 => MailError::Away { why, after: None },
        400..=499 => MailError::Later(why),
        _ => MailError::Never(why),
    }
}

fn away(why: &str) -> MailError {
    MailError::Away { why: why.into(), after: None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::super::tests::{config, letter};
    use super::*;

    /// One conversation of a mail server that answers a recipient so, and what it was given.
    async fn conversation(stream: impl AsyncRead + AsyncWrite + Unpin, recipient: &str) -> String {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 test\r\n").await.unwrap();
        let (mut heard, mut data) = (String::new(), false);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return heard;
            }
            heard.push_str(&line);
            let answer = match (data, line.trim_end()) {
                (true, ".") => {
                    data = false;
                    "250 kept"
                }
                (true, _) => continue,
                (_, "DATA") => {
                    data = true;
                    "354 go on"
                }
                (_, "QUIT") => "221 bye",
                (_, command) if command.starts_with("RCPT") => recipient,
                (_, command) if command.starts_with("EHLO") => "250 test",
                _ => "250 well",
            };
            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return heard;
            }
            if answer.starts_with("221") {
                return heard;
            }
        }
    }

    fn clear(port: u16) -> SmtpConfig {
        SmtpConfig {
            host: "127.0.0.1".into(),
            port: Some(port),
            security: Security::None,
            user: None,
            authority: None,
        }
    }

    #[tokio::test]
    async fn a_server_is_given_the_whole_letter_and_its_answer_is_judged() {
        for (recipient, judged) in [
            ("250 well", "Ok"),
            ("450 busy mailbox", "Later"),
            ("421 closing", "Away"),
            ("550 no such user", "Never"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let smtp = Smtp::new(&clear(listener.local_addr().unwrap().port()), None, &config()).unwrap();
            let server = tokio::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                conversation(stream, recipient).await
            });
            let sent = smtp.send(&letter("c@société.example")).await;
            assert!(format!("{sent:?}").contains(judged), "{recipient}: {sent:?}");
            drop(smtp);
            let heard = server.await.unwrap();
            assert!(heard.contains("RCPT TO:<c@xn--socit-esab.example>"), "{heard}");
            if judged == "Ok" {
                for part in ["Message-ID: <abc@example.org>", "List-Unsubscribe-Post:", "=C3=89t=C3=A9"] {
                    assert!(heard.contains(part), "{part} in {heard}");
                }
            }
        }
    }

    /// Proves p-transport-encryption.
    #[tokio::test]
    async fn over_tls_only_a_server_with_the_right_certificate_is_given_anything() {
        let folder = tempfile::tempdir().unwrap();
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = folder.path().join("ca.pem");
        fs::write(&authority, own.cert.pem()).unwrap();
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        conversation(stream, "250 well").await;
                    }
                });
            }
        });
        let over_tls = |authority: Option<PathBuf>| SmtpConfig {
            host: "localhost".into(),
            security: Security::Tls,
            authority,
            ..clear(port)
        };
        let known = Smtp::new(&over_tls(Some(authority)), None, &config()).unwrap();
        assert_eq!(known.send(&letter("c@example.org")).await, Ok(()));
        let unknown = Smtp::new(&over_tls(None), None, &config()).unwrap();
        assert!(matches!(unknown.send(&letter("c@example.org")).await, Err(MailError::Away { .. })));
    }

    #[test]
    fn letters_leave_in_clear_for_this_machine_alone_and_a_user_needs_a_password() {
        let told = |config: SmtpConfig| match Smtp::new(&config, None, &super::super::tests::config()) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(told(SmtpConfig { host: "smtp.example.org".into(), ..clear(25) }).contains("in clear"));
        assert!(told(SmtpConfig { user: Some("u".into()), ..clear(25) }).contains("AOPS_SMTP_PASSWORD"));
    }
}
