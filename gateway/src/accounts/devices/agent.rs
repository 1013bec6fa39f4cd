//! What a browser calls itself, in words coarse enough to tell a telephone from a laptop and no more. It tells nobody
//! apart.

use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

/// A browser and what it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::accounts) struct Agent {
    /// The browser.
    pub(super) browser: Browser,
    /// The system.
    pub(super) system: System,
}

/// Names of browsers, as the theme's words know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Browser {
    Chrome,
    Edge,
    Firefox,
    Opera,
    Safari,
    Samsung,
    Unknown,
}

/// Names of systems, as the theme's words know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum System {
    Android,
    Chromeos,
    Ios,
    Linux,
    Macos,
    Windows,
    Unknown,
}

/// By their marks in `User-Agent`, what borrows another's mark before it: all but Firefox call themselves Safari, and
/// most Chrome.
const BROWSERS: [(&str, Browser); 11] = [
    ("Edg/", Browser::Edge),
    ("EdgA/", Browser::Edge),
    ("EdgiOS/", Browser::Edge),
    ("OPR/", Browser::Opera),
    ("SamsungBrowser/", Browser::Samsung),
    ("Firefox/", Browser::Firefox),
    ("FxiOS/", Browser::Firefox),
    ("Chrome/", Browser::Chrome),
    ("CriOS/", Browser::Chrome),
    ("HeadlessChrome/", Browser::Chrome),
    ("Safari/", Browser::Safari),
];

const SYSTEMS: [(&str, System); 8] = [
    ("Windows", System::Windows),
    ("Android", System::Android),
    ("iPhone", System::Ios),
    ("iPad", System::Ios),
    ("CrOS", System::Chromeos),
    ("Macintosh", System::Macos),
    ("Linux", System::Linux),
    ("X11", System::Linux),
];

impl Agent {
    /// Of a request.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let browser = BROWSERS.iter().find(|(mark, _)| said.contains(mark));
        let system = SYSTEMS.iter().find(|(mark, _)| said.contains(mark));
        Self {
            browser: browser.map_or(Browser::Unknown, |(_, browser)| *browser),
            system: system.map_or(System::Unknown, |(_, system)| *system),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_and_systems_are_told_whatever_they_borrow_of_each_other() {
        let told = |said: &str| {
            let agent = Agent::of(&HeaderMap::from_iter([(header::USER_AGENT, said.parse().unwrap())]));
            (agent.browser, agent.system)
        };
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (said, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
                (Browser::Firefox, System::Linux),
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/142.0 Safari/537.36 Edg/142.0"),
                (Browser::Edge, System::Windows),
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/142.0.0.0 Mobile Safari/537.36"),
                (Browser::Chrome, System::Android),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1".to_owned(),
                (Browser::Safari, System::Ios),
            ),
            (
                format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {webkit} Chrome/142.0 Safari/537.36"),
                (Browser::Chrome, System::Chromeos),
            ),
            ("curl/8.14.1".to_owned(), (Browser::Unknown, System::Unknown)),
        ] {
            assert_eq!(told(&said), expected, "{said}");
        }
        let none = Agent::of(&HeaderMap::new());
        assert_eq!((none.browser, none.system), (Browser::Unknown, System::Unknown));
    }
}
