//! Where to go after signing in: a path of this site, and nothing that a browser could take for another host.

/// A path (with its query) of this site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// The path, if it is one of ours: it begins with a single `/` and holds no backslash, control character
    /// or blank. Browsers read `//`, `/\` and `/<tab>/` as the beginning of another host (WHATWG URL § 4.4).
    pub fn parse(text: &str) -> Option<Self> {
        let forbidden = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
        let ours = text.starts_with('/')
            && !text.starts_with("//")
            && text.len() <= 512
            && text.is_ascii()
            && !text.chars().any(forbidden);
        ours.then(|| Self(text.to_owned()))
    }

    /// The list of offers.
    pub fn offers() -> Self {
        Self("/offres/".to_owned())
    }

    /// The path as it goes into `Location`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path as a value of a query.
    pub fn encoded(&self) -> String {
        percent_encoding::utf8_percent_encode(&self.0, QUERY_VALUE).to_string()
    }
}

const QUERY_VALUE: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_followed() {
        for ours in ["/", "/offres/ifc/", "/espace-client/?page=2", "/a//b"] {
            assert_eq!(LocalPath::parse(ours).as_ref().map(LocalPath::as_str), Some(ours));
        }
        let foreign = [
            "",
            "offres",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\u{a0}/evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            " /offres/",
            "/offres/\r\nSet-Cookie: a=b",
        ];
        for text in foreign {
            assert_eq!(LocalPath::parse(text), None, "{text:?}");
        }
        assert_eq!(LocalPath::parse(&format!("/{}", "a".repeat(600))), None);
    }

    #[test]
    fn the_query_value_cannot_end_the_query() {
        assert_eq!(LocalPath::parse("/a?b=c&d=e#f").unwrap().encoded(), "/a%3Fb%3Dc%26d%3De%23f");
    }
}
