//! The one door by which this process calls others (`p-subprocessor-terms`): a connector may reach the hosts that it is
//! given and no other, and it is given those of the processors that the policy lists and of the servers that
//! `site.toml` names. What asks for another host is refused before a packet leaves, told and counted.
//!
//! Where a client names the place itself, [`PublicGate`] stands instead: any public address, and none of ours.

mod public;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder};
use url::{Host, Url};

pub use self::public::{NotPublic, PublicGate};

/// The processors that are called, as the privacy page lists them, and the domain in which each is.
pub const PROCESSORS: [(&str, &str); 2] = [("SendGrid", "sendgrid.com"), ("Stripe", "stripe.com")];

/// A host that is not to be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` is neither a listed processor's nor a configured server: {connector} does not call it")]
pub struct Refused {
    connector: &'static str,
    host: String,
}

/// What one connector may reach.
#[derive(Debug, Clone)]
pub struct Gate {
    connector: &'static str,
    hosts: Arc<BTreeSet<String>>,
}

impl Gate {
    /// Of a connector to these servers.
    pub fn to<'a>(connector: &'static str, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        let hosts = hosts.into_iter().map(plain).collect();
        Self { connector, hosts: Arc::new(hosts) }
    }

    /// Of a connector to the servers of these addresses.
    pub fn to_urls<'a>(connector: &'static str, urls: impl IntoIterator<Item = &'a Url>) -> Self {
        Self::to(connector, urls.into_iter().filter_map(Url::host_str))
    }

    /// Of a connector to a listed processor, at `base`: in the processor's domain, or on this machine, where a program
    /// plays it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn to_processor(connector: &'static str, domain: &str, base: &str) -> Result<Self, Refused> {
        let url = Url::parse(base).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let theirs = |host: &str| host == domain || host.ends_with(&format!(".{domain}"));
        let gate = Self::to(connector, [host].into_iter().filter(|host| theirs(host)));
        if url.as_ref().is_some_and(is_here) {
            return Ok(Self::to(connector, [host]));
        }
        gate.admit(host)?;
        Ok(gate)
    }

    /// Lets a host through, or tells that it was refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn admit(&self, host: &str) -> Result<(), Refused> {
        if self.hosts.contains(&plain(host)) {
            return Ok(());
        }
        metrics::counter!("outbound_refused_total", "connector" => self.connector).increment(1);
        let refused = Refused { connector: self.connector, host: host.to_owned() };
        tracing::error!(connector = self.connector, host, "a host that is not listed was not called");
        Err(refused)
    }

    /// Whether an address may be followed; an address without a host leads nowhere.
    pub fn admits(&self, url: &Url) -> bool {
        self.admit(url.host_str().unwrap_or_default()).is_ok()
    }

    /// A client to build upon, which resolves no other name. A host that is written as a number is resolved by nobody:
    /// whoever follows redirects asks [`Gate::admits`].
    pub fn client(&self) -> ClientBuilder {
        builder().dns_resolver(Arc::new(self.clone()))
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            gate.admit(name.as_str())?;
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What every client begins with.
fn builder() -> ClientBuilder {
    Client::builder().user_agent(concat!("aops/", env!("CARGO_PKG_VERSION")))
}

/// A name as resolvers take it: without a final dot, whatever its case; an IPv6 address without its brackets.
fn plain(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether an address is one of this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Proves p-processors.
    #[test]
    fn p_subprocessor_terms_the_processors_that_are_called_are_those_of_the_page() {
        let listed = concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/sous-traitants.csv");
        let listed = std::fs::read_to_string(listed).unwrap();
        let names: Vec<&str> = listed.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        for (name, domain) in PROCESSORS {
            assert!(names.contains(&name), "{name} is called at {domain} and not listed");
        }
    }

    #[test]
    fn p_subprocessor_terms_a_processor_is_called_in_its_own_domain_or_played_on_this_machine() {
        for base in ["https://api.stripe.com/", "http://127.0.0.1:9/", "http://[::1]:9", "http://localhost:9"]
        {
            assert!(Gate::to_processor("stripe", "stripe.com", base).is_ok(), "{base}");
        }
        for base in [
            "https://api.stripe.com.evil.example/",
            "https://notstripe.com/",
            "https://192.0.2.1/",
            "https://api.sendgrid.com",
            "no address",
        ] {
            assert!(Gate::to_processor("stripe", "stripe.com", base).is_err(), "{base}");
        }
    }

    #[tokio::test]
    async fn p_subprocessor_terms_a_host_that_is_not_listed_is_refused_before_a_packet_leaves() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        // The machine's own resolver knows the name.
        let other = Gate::to("feeds", ["feeds.example"]).client().build().unwrap();
        let refused = other.get(&address).send().await.unwrap_err();
        assert!(format!("{refused:?}").contains("Refused"), "{refused:?}");
        let moment = std::time::Duration::from_millis(200);
        assert!(tokio::time::timeout(moment, listener.accept()).await.is_err(), "nothing came");
        let gate = Gate::to("feeds", ["Localhost."]);
        let client = gate.client().timeout(moment).build().unwrap();
        let (_, come) = tokio::join!(client.get(&address).send(), listener.accept());
        assert!(come.is_ok(), "what is listed comes");
        assert!(!gate.admits(&Url::parse("https://192.0.2.1/").unwrap()), "a number is a host as well");
    }
}
