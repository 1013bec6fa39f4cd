//! What is looked at in a request: enough to count, nothing that is kept as it came.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use http::{HeaderMap, HeaderName, header};
use url::Url;

use crate::consent::{OPPOSITION, signalled};
use crate::web::cookies;
use crate::web::hosts::Hosts;
use crate::web::negotiation::weighted;

/// Words in the names of programs that fetch pages by themselves, in lower case.
const ROBOTS: [&str; 34] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "archive",
    "scrap",
    "fetch",
    "monitor",
    "uptime",
    "pingdom",
    "lighthouse",
    "headless",
    "phantom",
    "selenium",
    "preview",
    "validator",
    "facebookexternalhit",
    "embedly",
    "feed",
    "rss",
    "curl",
    "wget",
    "python",
    "java/",
    "go-http",
    "okhttp",
    "axios",
    "node",
    "ruby",
    "perl",
    "php",
    "libwww",
    "httpclient",
    "scan",
];

/// Cubot makes telephones: the last of the words, and no robot.
const CUBOT: &str = "cubot";

/// All of them looked for at once; of two that overlap, the one that begins first.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
    builder.build(ROBOTS.iter().chain([&CUBOT])).ok()
});

const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");
const MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
/// Where browsers say that they fetch ahead of being asked.
const PURPOSES: [HeaderName; 3] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-moz"),
];

/// What a request tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) robot: bool,
    pub(super) device: &'static str,
    pub(super) language: &'static str,
    pub(super) referrer: Option<String>,
    /// What tells visitors apart within a day; it goes into a keyed hash and nowhere else.
    pub(super) traits: Vec<u8>,
}

/// What a request tells, if it may be counted: a page that a person opened, without an objection.
pub(super) fn read(hosts: &Hosts, headers: &HeaderMap) -> Option<Seen> {
    let text =
        |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let opened = matches!(text(&DESTINATION), "" | "document");
    let ahead = PURPOSES.iter().any(|name| text(name).contains("prefetch"));
    if !opened || ahead || signalled(headers) || cookies::sole(headers, OPPOSITION).is_some() {
        return None;
    }
    let agent = text(&header::USER_AGENT);
    let languages = text(&header::ACCEPT_LANGUAGE);
    Some(Seen {
        robot: is_robot(agent, languages),
        device: device(agent, text(&MOBILE)),
        language: language(languages),
        referrer: referrer(hosts, text(&header::REFERER)),
        traits: [agent.as_bytes(), b"\0", languages.as_bytes()].concat(),
    })
}

fn is_robot(agent: &str, languages: &str) -> bool {
    // A browser says its languages and calls itself Mozilla; what does neither is a program.
    let browser = agent.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("mozilla/"));
    if languages.is_empty() || !browser {
        return true;
    }
    WORDS
        .as_ref()
        .is_some_and(|words| words.find_iter(agent).any(|word| word.pattern().as_usize() < ROBOTS.len()))
}

fn device(agent: &str, mobile: &str) -> &'static str {
    let tablet = agent.contains("iPad") || agent.contains("Tablet");
    if tablet || (agent.contains("Android") && !agent.contains("Mobile")) {
        "tablet"
    } else if mobile == "?1" || agent.contains("Mobi") {
        "mobile"
    } else {
        "desktop"
    }
}

fn language(languages: &str) -> &'static str {
    let first = weighted(languages).next().map_or("", |(range, _)| range);
    let primary = first.split('-').next().unwrap_or_default();
    ["fr", "en"].into_iter().find(|known| primary.eq_ignore_ascii_case(known)).unwrap_or("other")
}

/// The host of the page that a visitor came from, when it is another site's: never its path or query.
fn referrer(hosts: &Hosts, referrer: &str) -> Option<String> {
    let url = Url::parse(referrer).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.domain()?.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let known = plain && host.contains('.') && host.len() <= 100 && !hosts.names(host);
    known.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(&["localhost".to_owned()], &[8443])
    }

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const IPHONE: &str =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let base = [("user-agent", FIREFOX), ("accept-language", "fr-FR,fr;q=0.9,en;q=0.5")];
        let pairs = base.iter().copied().chain(pairs.iter().copied());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn p_gpc_who_objects_is_not_counted_nor_what_no_person_opened() {
        assert!(read(&hosts(), &headers(&[("sec-fetch-dest", "document")])).is_some());
        for refused in [
            ("sec-gpc", "1"),
            ("dnt", "1"),
            ("cookie", "__Host-opposition=1"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "empty"),
        ] {
            assert_eq!(read(&hosts(), &headers(&[refused])), None, "{refused:?}");
        }
    }

    #[test]
    fn of_the_referrer_only_the_host_of_another_site_is_read() {
        let host = |referrer: &str| read(&hosts(), &headers(&[("referer", referrer)])).unwrap().referrer;
        assert_eq!(host("https://www.Example.ORG/a/b?nom=Dupont#x").as_deref(), Some("example.org"));
        assert_eq!(host("https://user:secret@example.org:8443/").as_deref(), Some("example.org"));
        for other in [
            "https://localhost/",
            "https://192.0.2.7/",
            "file:///home/a",
            "javascript:1",
            "x",
            "android-app://com.a",
        ] {
            assert_eq!(host(other), None, "{other}");
        }
    }

    #[test]
    fn robots_are_told_from_people_and_people_by_device_and_language() {
        let seen = |pairs: &[(&'static str, &str)]| read(&hosts(), &headers(pairs)).unwrap();
        assert!(!seen(&[]).robot);
        for agent in
            ["Mozilla/5.0 (compatible; Googlebot/2.1)", "curl/8.0", "", "Mozilla/5.0 HeadlessChrome/130"]
        {
            assert!(seen(&[("user-agent", agent)]).robot, "{agent}");
        }
        assert!(seen(&[("accept-language", "")]).robot);
        assert!(
            !seen(&[("user-agent", "Mozilla/5.0 (Linux; Android 15; CUBOT X70) Mobile Safari/537.36")]).robot
        );
        assert_eq!((seen(&[]).device, seen(&[]).language), ("desktop", "fr"));
        let phone = seen(&[("user-agent", IPHONE), ("accept-language", "en-GB")]);
        assert_eq!((phone.device, phone.language), ("mobile", "en"));
        assert_eq!(
            seen(&[("user-agent", "Mozilla/5.0 (iPad; CPU OS 18_0)"), ("accept-language", "de")]).language,
            "other"
        );
        assert_eq!(seen(&[("user-agent", "Mozilla/5.0 (Linux; Android 15; SM-X700)")]).device, "tablet");
    }

    proptest! {
        #[test]
        fn any_bytes_in_the_fields_are_read_without_harm(bytes in proptest::collection::vec(32u8..=255, 0..200)) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            for name in ["user-agent", "accept-language", "referer", "sec-ch-ua-mobile"] {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
            if let Some(seen) = read(&hosts(), &headers) {
                prop_assert!(["fr", "en", "other"].contains(&seen.language));
                prop_assert!(seen.referrer.is_none_or(|host| !host.contains(['/', '?', '@'])));
            }
        }
    }
}
