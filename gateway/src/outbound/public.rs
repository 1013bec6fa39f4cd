//! The second gate: places that clients name. They are called over TLS on its own port, at public addresses alone: each
//! name is resolved here, every address that it has is looked at, and the connection goes to those that were looked at,
//! so that no later answer of a name server leads elsewhere. A name with one address inside is refused as a whole.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::BoxFuture;
use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::ClientBuilder;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use url::{Host, Url};

use super::{builder, plain};

/// The one port outside.
const PORT: u16 = 443;
/// How long a name may take to be resolved when a place is first named.
const RESOLVED: Duration = Duration::from_secs(3);

/// Why a place is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPublic {
    /// It is not reached over TLS.
    #[error("the address does not begin with https://")]
    Scheme,
    /// It has a name or a password in it, or a part after `#`.
    #[error("the address has a user, a password or a fragment")]
    Parts,
    /// Another port than that of HTTPS.
    #[error("port {0} is not called, 443 alone is")]
    Port(u16),
    /// No host, or one that is no name.
    #[error("the address has no host")]
    Host,
    /// The address of a machine that is not on the public internet, or of none.
    #[error("{0} is not a public address")]
    Address(IpAddr),
    /// A name that has no address, or whose name servers do not answer.
    #[error("the name has no address")]
    Name,
}

impl NotPublic {
    /// Its word, for messages and figures.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::Parts => "parts",
            Self::Port(_) => "port",
            Self::Host => "host",
            Self::Address(_) => "address",
            Self::Name => "name",
        }
    }
}

/// How a name is resolved.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// What a connector to places of clients may reach.
#[derive(Clone)]
pub struct PublicGate {
    connector: &'static str,
    /// Places on this machine that may be called all the same, without TLS too: for tests.
    here: Arc<[SocketAddr]>,
    lookup: Lookup,
}

impl std::fmt::Debug for PublicGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicGate").field("connector", &self.connector).finish_non_exhaustive()
    }
}

impl PublicGate {
    /// Of a connector, with these places on this machine, which a gateway that is not in production may be given.
    pub fn new(connector: &'static str, here: &[SocketAddr]) -> Self {
        let lookup = |name: String| -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name.as_str(), PORT)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        };
        Self { connector, here: here.into(), lookup: Arc::new(lookup) }
    }

    /// Whether a place may be called, as far as it can be told without asking a name server: before each call, since a
    /// host that is written as a number is resolved by nobody.
    ///
    /// # Errors
    /// [`NotPublic`].
    pub fn admit(&self, url: &Url) -> Result<(), NotPublic> {
        self.judge(url).inspect_err(|why| self.tell(why))
    }

    /// As [`PublicGate::admit`], with the addresses that its name has now: it has one at least.
    ///
    /// # Errors
    /// [`NotPublic`].
    pub async fn admit_now(&self, url: &Url) -> Result<(), NotPublic> {
        self.admit(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let found = tokio::time::timeout(RESOLVED, (self.lookup)(plain(name))).await;
        let found = self.all_public(found.ok().and_then(Result::ok).unwrap_or_default())?;
        if found.is_empty() { Err(NotPublic::Name) } else { Ok(()) }
    }

    /// A client to build upon: it follows nothing, and no proxy of the environment stands between.
    pub fn client(&self) -> ClientBuilder {
        builder()
            .dns_resolver(Arc::new(self.clone()))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
    }

    fn judge(&self, url: &Url) -> Result<(), NotPublic> {
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(NotPublic::Parts);
        }
        let address = match url.host() {
            None => return Err(NotPublic::Host),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        if address.is_some_and(|address| self.here.contains(&SocketAddr::new(address, port))) {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(NotPublic::Scheme);
        }
        if port != PORT {
            return Err(NotPublic::Port(port));
        }
        match address.filter(|address| !is_public(*address)) {
            Some(address) => Err(NotPublic::Address(address)),
            None => Ok(()),
        }
    }

    fn all_public(&self, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, NotPublic> {
        match found.iter().find(|address| !is_public(**address)) {
            Some(inside) => {
                let why = NotPublic::Address(*inside);
                self.tell(&why);
                Err(why)
            }
            None => Ok(found),
        }
    }

    fn tell(&self, why: &NotPublic) {
        metrics::counter!("outbound_refused_total", "connector" => self.connector).increment(1);
        // The place is a client's own, and is not told in our log.
        tracing::warn!(
            connector = self.connector,
            why = why.code(),
            "a place that a client named was not called"
        );
    }
}

impl Resolve for PublicGate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            let found = (gate.lookup)(plain(name.as_str())).await?;
            let found = gate.all_public(found)?;
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// What the registries of special-purpose addresses say is not reachable by everybody (IANA; RFC 6890, 8190), with
/// multicast, what is kept for later, and addresses that stand for others (6to4, Teredo).
const INSIDE_V4: [&str; 16] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    // Among them 169.254.169.254, which tells machines of clouds their secrets.
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];
/// Nothing else of IPv6 is given out; what embeds an address of IPv4 (`::ffff:0:0/96`, `64:ff9b::/96`) stands outside.
const GIVEN_OUT: &str = "2000::/3";
const INSIDE_V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

static V4: LazyLock<Vec<Ipv4Net>> =
    LazyLock::new(|| INSIDE_V4.iter().filter_map(|block| block.parse().ok()).collect());
static V6: LazyLock<Vec<Ipv6Net>> =
    LazyLock::new(|| INSIDE_V6.iter().filter_map(|block| block.parse().ok()).collect());

/// Whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !V4.iter().any(|block| block.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let given_out = GIVEN_OUT.parse().is_ok_and(|block: Ipv6Net| block.contains(&address));
    given_out && !V6.iter().any(|block| block.contains(&address))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::net::TcpListener;

    use super::*;

    fn gate() -> PublicGate {
        PublicGate::new("test", &[])
    }

    /// A gate whose names have these addresses, one list after the other; the last stays.
    fn naming(here: &[SocketAddr], answers: &[&[&str]]) -> PublicGate {
        let answers: Vec<Vec<IpAddr>> = answers
            .iter()
            .rev()
            .map(|list| list.iter().map(|text| text.parse().unwrap()).collect())
            .collect();
        let answers = Arc::new(Mutex::new(answers));
        let lookup = move |_: String| -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let mut answers = answers.lock().unwrap();
            let last = answers.last().cloned().unwrap_or_default();
            if answers.len() > 1 {
                answers.pop();
            }
            Box::pin(async move { Ok(last) })
        };
        PublicGate { lookup: Arc::new(lookup), ..PublicGate::new("test", here) }
    }

    #[test]
    fn every_block_of_the_tables_is_one() {
        assert_eq!((V4.len(), V6.len()), (INSIDE_V4.len(), INSIDE_V6.len()));
    }

    #[test]
    fn what_is_not_of_the_public_internet_is_not_called_however_it_is_written() {
        let https = |host: &str| gate().admit(&Url::parse(&format!("https://{host}/a")).unwrap());
        for inside in [
            "169.254.169.254",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "0",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.1",
            "198.19.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
        ] {
            assert!(matches!(https(inside), Err(NotPublic::Address(_))), "{inside}: {:?}", https(inside));
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "client.example"] {
            assert_eq!(https(public), Ok(()), "{public}");
        }
    }

    #[test]
    fn a_place_is_https_on_its_own_port_and_nothing_else() {
        for (url, expected) in [
            ("http://client.example/", NotPublic::Scheme),
            ("ftp://client.example/", NotPublic::Scheme),
            ("https://client.example:8443/", NotPublic::Port(8443)),
            ("https://client.example:22/", NotPublic::Port(22)),
            ("https://user@client.example/", NotPublic::Parts),
            ("https://user:word@client.example/", NotPublic::Parts),
            ("https://client.example/#a", NotPublic::Parts),
            ("unix:/run/socket", NotPublic::Host),
            ("data:text/plain,a", NotPublic::Host),
        ] {
            assert_eq!(gate().admit(&Url::parse(url).unwrap()), Err(expected), "{url}");
        }
        for good in ["https://client.example/a?b=c", "https://client.example:443/"] {
            assert_eq!(gate().admit(&Url::parse(good).unwrap()), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn a_name_is_refused_when_one_of_its_addresses_is_inside() {
        let url = Url::parse("https://client.example/").unwrap();
        let inside = naming(&[], &[&["8.8.8.8", "127.0.0.1"]]).admit_now(&url).await;
        assert_eq!(inside, Err(NotPublic::Address("127.0.0.1".parse().unwrap())));
        assert_eq!(naming(&[], &[&["8.8.8.8", "2606:4700::1111"]]).admit_now(&url).await, Ok(()));
        assert_eq!(naming(&[], &[&[]]).admit_now(&url).await, Err(NotPublic::Name), "it has none");
        let local = Url::parse("https://localhost/").unwrap();
        assert!(
            matches!(gate().admit_now(&local).await, Err(NotPublic::Address(_))),
            "by the machine's resolver"
        );
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_after_it_was_looked_at_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = naming(&[], &[&["8.8.8.8"], &["127.0.0.1"]]);
        assert_eq!(gate.admit_now(&Url::parse("https://client.example/").unwrap()).await, Ok(()));
        let moment = Duration::from_millis(300);
        let client = gate.client().timeout(moment).build().unwrap();
        // The second answer of the name server: of the gate's own resolving, whatever the port.
        let refused = client.get(format!("http://client.example:{port}/")).send().await.unwrap_err();
        assert!(format!("{refused:?}").contains("Address(127.0.0.1)"), "{refused:?}");
        assert!(tokio::time::timeout(moment, listener.accept()).await.is_err(), "nothing came");
    }

    #[tokio::test]
    async fn a_listed_place_on_this_machine_is_called_by_its_number_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let gate = PublicGate::new("test", &[here]);
        let listed = Url::parse(&format!("http://{here}/")).unwrap();
        assert_eq!(gate.admit_now(&listed).await, Ok(()));
        let named = Url::parse(&format!("http://localhost:{}/", here.port())).unwrap();
        assert_eq!(gate.admit(&named), Err(NotPublic::Scheme));
        let other = Url::parse(&format!("https://127.0.0.1:{}/", here.port() ^ 1)).unwrap();
        assert!(gate.admit(&other).is_err());
        let client = gate.client().timeout(Duration::from_millis(500)).build().unwrap();
        let (_, come) = tokio::join!(client.get(listed).send(), listener.accept());
        assert!(come.is_ok(), "what is listed comes");
    }
}
