//! The DNS records that letters and certificates need: what they should say, and whether they do.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::Finding;
use crate::config::Settings;

const PATIENCE: Duration = Duration::from_secs(3);
/// The selectors under which SendGrid signs (“How to set up domain authentication”).
const SENDGRID_SELECTORS: [&str; 2] = ["s1", "s2"];
/// The authority whose certificates we take by ACME.
const AUTHORITY: &str = "letsencrypt.org";

/// A record that should be there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Needed {
    /// Its name.
    pub name: String,
    /// `TXT` or `CAA`.
    pub kind: &'static str,
    /// What it should say.
    pub value: String,
    /// What it is for.
    pub why: &'static str,
    #[serde(skip)]
    test: Test,
}

/// What makes a record good.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// One `v=spf1` that names who sends for us, and closes the list.
    Spf(String),
    /// A key.
    Dkim,
    /// A policy that does something.
    Dmarc,
    /// The authority may issue.
    Caa,
}

/// The records that this configuration needs.
pub fn needed(settings: &Settings) -> Vec<Needed> {
    let domain = settings.mail.from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let (source, selectors): (String, &[&str]) = match &settings.mail.smtp {
        Some(smtp) => (format!("a:{}", smtp.host), &[]),
        None => ("include:sendgrid.net".into(), &SENDGRID_SELECTORS),
    };
    let mut needed = vec![Needed {
        name: domain.into(),
        kind: "TXT",
        value: format!("v=spf1 {source} -all"),
        why: "SPF: who may send letters of this domain (RFC 7208)",
        test: Test::Spf(source),
    }];
    needed.extend(selectors.iter().map(|selector| Needed {
        name: format!("{selector}._domainkey.{domain}"),
        kind: "TXT",
        value: "k=rsa; p=… (SendGrid gives a CNAME that leads to it)".into(),
        why: "DKIM: the key that signs letters (RFC 6376)",
        test: Test::Dkim,
    }));
    needed.push(Needed {
        name: format!("_dmarc.{domain}"),
        kind: "TXT",
        value: format!("v=DMARC1; p=quarantine; rua=mailto:dmarc@{domain}"),
        why: "DMARC: what to do with letters that are not ours (RFC 7489); Gmail and Yahoo want it of bulk senders",
        test: Test::Dmarc,
    });
    let hosts =
        settings.gateway.hosts.iter().filter(|host| host.contains('.') && host.parse::<IpAddr>().is_err());
    needed.extend(hosts.map(|host| Needed {
        name: host.clone(),
        kind: "CAA",
        value: format!("0 issue \"{AUTHORITY}\""),
        why: "CAA: who may issue certificates for this name (RFC 8659)",
        test: Test::Caa,
    }));
    needed
}

/// Asks for each record, of the system's resolver or of `server`, and tells what is missing or says something else.
pub async fn compare(settings: &Settings, server: Option<SocketAddr>) -> Vec<Finding> {
    let resolver = match resolver(server) {
        Ok(resolver) => resolver,
        Err(why) => return vec![Finding { subject: "dns", what: why }],
    };
    let mut findings = Vec::new();
    for one in needed(settings) {
        let kind = if one.kind == "CAA" { RecordType::CAA } else { RecordType::TXT };
        let found = match resolver.lookup(one.name.as_str(), kind).await {
            Ok(found) => found.answers().iter().filter_map(|record| told(&record.data)).collect(),
            Err(error) if error.is_no_records_found() => Vec::new(),
            Err(error) => {
                findings.push(Finding { subject: "dns", what: format!("{}: {error}", one.name) });
                continue;
            }
        };
        if let Some(what) = judged(&one, &found) {
            let what = format!("{} {}: {what}; {} should say `{}`", one.name, one.kind, one.why, one.value);
            findings.push(Finding { subject: "dns", what });
        }
    }
    findings
}

fn resolver(server: Option<SocketAddr>) -> Result<Resolver<TokioRuntimeProvider>, String> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = match server {
        Some(address) => {
            let mut udp = ConnectionConfig::udp();
            udp.port = address.port();
            let mut tcp = ConnectionConfig::tcp();
            tcp.port = address.port();
            let server = NameServerConfig::new(address.ip(), true, vec![udp, tcp]);
            Resolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), vec![server]),
                provider,
            )
        }
        None => Resolver::builder(provider)
            .map_err(|error| format!("the system's resolver is not known: {error}"))?,
    };
    let options = builder.options_mut();
    options.timeout = PATIENCE;
    options.attempts = 1;
    builder.build().map_err(|error| error.to_string())
}

/// What a record says, as text.
fn told(data: &RData) -> Option<String> {
    match data {
        RData::TXT(text) => {
            let parts = text.txt_data.iter().map(|part| String::from_utf8_lossy(part));
            Some(parts.collect::<String>())
        }
        RData::CAA(caa) => Some(caa.to_string()),
        _ => None,
    }
}

/// What is wrong with what was found, if anything.
fn judged(needed: &Needed, found: &[String]) -> Option<String> {
    let quoted = |text: &str| format!("it says `{text}`");
    match &needed.test {
        Test::Spf(source) => {
            let mut spf = found.iter().filter(|text| text.starts_with("v=spf1"));
            match (spf.next(), spf.next()) {
                (None, _) => Some("there is none".into()),
                (Some(_), Some(_)) => Some("there are two, which counts as none".into()),
                (Some(one), None) if !one.split(' ').any(|part| part == source) => Some(quoted(one)),
                (Some(one), None) if !one.ends_with("-all") && !one.ends_with("~all") => Some(quoted(one)),
                _ => None,
            }
        }
        Test::Dkim => match found.iter().find(|text| text.contains("p=")) {
            None => Some("there is no key".into()),
            Some(key) if key.contains("p=;") || key.trim_end().ends_with("p=") => {
                Some("the key is withdrawn".into())
            }
            Some(_) => None,
        },
        Test::Dmarc => match found.iter().find(|text| text.starts_with("v=DMARC1")) {
            None => Some("there is none".into()),
            Some(one) if one.contains("p=quarantine") || one.contains("p=reject") => None,
            Some(one) => Some(quoted(one)),
        },
        Test::Caa if found.is_empty() => Some("there is none, so every authority may issue".into()),
        Test::Caa if found.iter().any(|text| text.contains("issue") && text.contains(AUTHORITY)) => None,
        Test::Caa => Some(format!("it says `{}`, which keeps {AUTHORITY} from issuing", found.join("`, `"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{CAA, TXT};
    use hickory_resolver::proto::rr::{Name, Record};
    use jiff::SignedDuration;
    use tokio::net::UdpSocket;

    use super::*;
    use crate::testing;

    /// A resolver on this machine that knows these records and no others.
    async fn stub(records: &[(&str, RData)]) -> SocketAddr {
        let mut zone: HashMap<String, Vec<RData>> = HashMap::new();
        for (name, data) in records {
            zone.entry(format!("{name}.")).or_default().push(data.clone());
        }
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((count, from)) = socket.recv_from(&mut bytes).await {
                let asked = Message::from_vec(&bytes[..count]).unwrap();
                let query = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                answer.metadata.recursion_available = true;
                answer.add_query(query.clone());
                let name: Name = query.name().clone();
                let known = zone.get(&name.to_lowercase().to_string());
                let fitting =
                    known.into_iter().flatten().filter(|data| data.record_type() == query.query_type());
                for data in fitting {
                    answer.add_answer(Record::from_rdata(name.clone(), 60, data.clone()));
                }
                if known.is_none() {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                }
                socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        });
        address
    }

    fn text(said: &str) -> RData {
        RData::TXT(TXT::new(vec![said.to_owned()]))
    }

    fn caa(authority: &str) -> RData {
        RData::CAA(CAA::new_issue(false, Some(Name::from_ascii(authority).unwrap()), Vec::new()))
    }

    async fn told(records: &[(&str, RData)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        settings.mail.from = "lettre@aops.example".into();
        settings.gateway.hosts = vec!["localhost".into(), "aops.example".into(), "127.0.0.1".into()];
        let server = stub(records).await;
        compare(&settings, Some(server)).await.into_iter().map(|finding| finding.what).collect()
    }

    #[tokio::test]
    async fn a_domain_whose_records_are_right_is_told_nothing() {
        let right = [
            ("aops.example", text("v=spf1 include:sendgrid.net -all")),
            ("aops.example", text("google-site-verification=x")),
            ("s1._domainkey.aops.example", text("k=rsa; p=MIIB")),
            ("s2._domainkey.aops.example", text("k=rsa; p=MIIB")),
            ("_dmarc.aops.example", text("v=DMARC1; p=reject")),
            ("aops.example", caa("letsencrypt.org")),
        ];
        assert_eq!(told(&right).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_is_missing_or_wrong_is_told_with_what_it_should_be() {
        let nothing = told(&[]).await;
        assert_eq!(nothing.len(), 5, "{nothing:?}");
        assert!(
            nothing[0].contains("there is none") && nothing[0].contains("include:sendgrid.net"),
            "{nothing:?}"
        );
        let wrong = [
            ("aops.example", text("v=spf1 a mx ?all")),
            ("s1._domainkey.aops.example", text("k=rsa; p=")),
            ("s2._domainkey.aops.example", text("k=rsa; p=MIIB")),
            ("_dmarc.aops.example", text("v=DMARC1; p=none")),
            ("aops.example", caa("other.example")),
        ];
        let wrong = told(&wrong).await;
        for (finding, why) in
            wrong.iter().zip(["v=spf1 a mx ?all", "withdrawn", "p=none", "keeps letsencrypt.org"])
        {
            assert!(finding.contains(why), "{finding}");
        }
        let twice = [
            ("aops.example", text("v=spf1 -all")),
            ("aops.example", text("v=spf1 include:sendgrid.net -all")),
        ];
        assert!(told(&twice).await[0].contains("there are two"));
    }
}
