//! The names that this gateway answers to.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Settings;
use crate::web::places::Place;

/// The set of names served, compared without case and without our own ports.
#[derive(Debug)]
pub struct Hosts {
    names: ArcSwap<Vec<String>>,
    ports: Vec<u16>,
    /// Where there are two: the site's and the platform's.
    two: Option<(String, String)>,
}

impl Hosts {
    /// The names of `[gateway] hosts`, and the ports that may stand behind them.
    pub fn new(names: &[String], ports: &[u16]) -> Self {
        Self { names: ArcSwap::from_pointee(lowered(names)), ports: ports.to_vec(), two: None }
    }

    /// The names of the settings; the site and the platform each have theirs where their addresses differ.
    pub fn of(settings: &Settings) -> Self {
        let name = |url: &str| url::Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase);
        let served = |name: &&String| settings.gateway.hosts.contains(name);
        let lawful = settings.company.get("site").filter(served).cloned();
        let site = name(&settings.base_url)
            .and_then(|name| if is_local(&name) { lawful.or(Some(name)) } else { Some(name) });
        let two = site.zip(name(&settings.platform_url));
        let two = two.filter(|(site, platform)| site != platform);
        Self { two, ..Self::new(&settings.gateway.hosts, &[settings.gateway.https.port()]) }
    }

    /// Whether the platform has a name of its own.
    pub fn are_two(&self) -> bool {
        self.two.is_some()
    }

    /// The authority under which `place` is asked for, told to who came by `authority`, where that is the other's name.
    pub fn elsewhere(&self, authority: &str, place: Place) -> Option<String> {
        let (site, platform) = self.two.as_ref()?;
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        if is_local(host) {
            return None;
        }
        let there = if host.eq_ignore_ascii_case(platform) { Place::Platform } else { Place::Site };
        let name = match place {
            Place::Site => site,
            Place::Platform => platform,
        };
        // Who reached us at this port reaches the other name there too.
        let port = if port.is_empty() { String::new() } else { format!(":{port}") };
        (there != place).then(|| format!("{name}{port}"))
    }

    /// Other names from now on.
    pub fn adopt(&self, names: &[String]) {
        self.names.store(Arc::new(lowered(names)));
    }

    /// The names, in order.
    pub fn all(&self) -> Arc<Vec<String>> {
        self.names.load_full()
    }

    /// Whether an authority (`host[:port]`, RFC 3986 § 3.2) is ours; user information never is.
    pub fn names(&self, authority: &str) -> bool {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let known_port = port.is_none_or(|port| {
            !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && port.parse().is_ok_and(|port: u16| port == 443 || self.ports.contains(&port))
        });
        known_port && self.names.load().iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// The name to redirect to when a request over plain HTTP names one of ours, if it does.
    pub fn canonical(&self, authority: &str) -> Option<String> {
        let host = authority.split(':').next()?.to_ascii_lowercase();
        self.names.load().iter().find(|name| **name == host).cloned()
    }
}

/// Whether a name is this machine's own, which serves all.
fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

fn lowered(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_with_our_ports_are_ours() {
        let hosts = Hosts::new(&["localhost".into(), "AOPS.fr".into()], &[8443]);
        for ours in ["localhost", "localhost:8443", "LOCALHOST:8443", "aops.fr", "aops.fr:443"] {
            assert!(hosts.names(ours), "{ours}");
        }
        for other in [
            "",
            "example.com",
            "localhost:80",
            "localhost:",
            "localhost:+8443",
            "evil@localhost",
            "[::1]:8443",
            "localhost.",
            "aops.fr:8443:1",
        ] {
            assert!(!hosts.names(other), "{other}");
        }
    }

    #[test]
    fn each_name_tells_where_the_others_pages_are() {
        let mut settings =
            crate::testing::settings(std::path::Path::new("/nowhere"), jiff::SignedDuration::ZERO);
        settings.gateway.hosts = vec!["aops.test".into(), "www.aops.test".into(), "Actuarem.test".into()];
        settings.base_url = "https://aops.test".into();
        settings.platform_url = "https://actuarem.test".into();
        let hosts = Hosts::of(&settings);
        let elsewhere = |authority, place| hosts.elsewhere(authority, place);
        assert_eq!(elsewhere("aops.test", Place::Platform).as_deref(), Some("actuarem.test"));
        assert_eq!(elsewhere("www.AOPS.test:8443", Place::Platform).as_deref(), Some("actuarem.test:8443"));
        assert_eq!(elsewhere("ACTUAREM.test:8443", Place::Site).as_deref(), Some("aops.test:8443"));
        assert_eq!(elsewhere("actuarem.test", Place::Platform), None);
        assert_eq!(elsewhere("aops.test", Place::Site), None);
        assert_eq!(elsewhere("localhost:8443", Place::Platform), None);
        settings.platform_url.clone_from(&settings.base_url);
        let one = Hosts::of(&settings);
        assert!(!one.are_two());
        assert_eq!(one.elsewhere("aops.test", Place::Platform), None);
    }
}
