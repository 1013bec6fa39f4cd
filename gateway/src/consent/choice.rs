//! A visitor's choice, as the cookie carries it: signed, dated, bound to the version of the question. Whatever
//! was altered, has lapsed or answers another question is no choice.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use serde::Serialize;

use crate::app::App;
use crate::consent::registry::{Kind, Registry, Runs};
use crate::retention::{Ground, Retention, Term, Then};
use crate::web::{WebError, cookies};

/// The cookie of the choice.
pub(super) const COOKIE: &str = "__Host-consentement";
/// The cookie of those who do not want to be counted by the site's own measurement.
pub const OPPOSITION: &str = "__Host-opposition";
/// How long a choice and its proof are kept (`p-consent-12-months`; CNIL, recommendation on cookies of
/// 17 September 2020, § 37: six months as a good practice). Visits do not prolong it.
pub const KEPT: Retention = Retention {
    what: "consent to cookies",
    term: Term::Months(6),
    from: "choice",
    ground: Ground::Consent,
    then: Then::Delete,
};

const PURPOSE: &str = "consent";

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The version of the question that was answered.
    pub banner: String,
    /// The id of its proof.
    pub proof: String,
    /// Whether the browser asked not to be tracked when the choice was made.
    pub despite_signal: bool,
    /// The services accepted.
    pub services: Vec<String>,
}

/// What a page has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct State {
    /// Whether to ask.
    pub ask: bool,
    /// The services accepted.
    pub services: Vec<String>,
    /// Whether any of them runs in the hidden frame.
    pub frame: bool,
    /// The version of the question.
    pub version: String,
}

impl Choice {
    /// The choice that a request's cookie carries.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        let token = cookies::sole(headers, COOKIE)?;
        Self::read(&app.tokens.verify(PURPOSE, token, app.clock.now()).ok()?)
    }

    /// The `Set-Cookie` that keeps it until its end.
    ///
    /// # Errors
    /// [`WebError::Internal`], when the value is no header value.
    pub(super) fn set_cookie(&self, app: &App, now: Timestamp) -> Result<HeaderValue, WebError> {
        let ends = KEPT.end(now);
        cookie(COOKIE, &app.tokens.sign(PURPOSE, &self.written(), ends), now, ends)
    }

    fn written(&self) -> String {
        let signal = if self.despite_signal { "1" } else { "0" };
        [&self.banner, &self.proof, signal, &self.services.join(",")].join("|")
    }

    fn read(subject: &str) -> Option<Self> {
        let mut parts = subject.split('|');
        let (banner, proof) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let despite_signal = parts.next()? == "1";
        let services = parts.next()?.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        parts.next().is_none().then_some(Self { banner, proof, despite_signal, services })
    }
}

/// What holds for a request. `signalled`: the page's script saw Global Privacy Control or Do Not Track.
///
/// A signal is a refusal, without a question (`p-gpc`), unless the choice was made in spite of it.
pub(super) fn state(app: &App, headers: &HeaderMap, signalled: bool) -> State {
    let registry = &app.settings.consent;
    let signal = signalled || self::signalled(headers);
    let choice = Choice::of(app, headers).filter(|choice| choice.banner == registry.config.banner);
    let ask = choice.is_none() && !signal;
    let holds = choice.filter(|choice| !signal || choice.despite_signal);
    let chosen = holds.map(|choice| choice.services).unwrap_or_default();
    let accepted: Vec<_> = registry.optional().filter(|service| chosen.contains(&service.id)).collect();
    let frame = accepted.iter().any(|service| service.runs == Some(Runs::Frame));
    let services = accepted.iter().map(|service| service.id.clone()).collect();
    State { ask, services, frame, version: registry.config.banner.clone() }
}

/// Whether the browser asks not to be tracked (Global Privacy Control, W3C; Tracking Preference Expression).
pub fn signalled(headers: &HeaderMap) -> bool {
    const SIGNALS: [HeaderName; 2] = [HeaderName::from_static("sec-gpc"), header::DNT];
    SIGNALS.iter().any(|name| headers.get(name).is_some_and(|value| value == "1"))
}

/// The services that a choice by kind accepts; of a kind, only those of `named` when they are named.
pub(super) fn accepted(
    registry: &Registry,
    audience: bool,
    social: bool,
    named: Option<&[String]>,
) -> Vec<String> {
    let kinds = |kind| match kind {
        Kind::Necessary => false,
        Kind::Audience => audience,
        Kind::Social => social,
    };
    let services = registry.optional().filter(|service| kinds(service.kind));
    let named = |id: &String| named.is_none_or(|named| named.contains(id));
    services.map(|service| service.id.clone()).filter(named).collect()
}

/// `Set-Cookie` lines that remove what services have left that are not accepted; a browser passes over those
/// for a host that is not its own.
pub(super) fn withdrawals(app: &App, headers: &HeaderMap, services: &[String]) -> Vec<HeaderValue> {
    let registry = &app.settings.consent;
    let refused = || registry.optional().filter(|service| !services.contains(&service.id));
    let left = cookies::all(headers)
        .filter(|(name, _)| refused().flat_map(|service| &service.items).any(|item| item.names(name)));
    // A script may have set it for this host alone, or for the whole domain.
    let hosts = app.hosts.all();
    left.flat_map(|(name, _)| {
        let alone = format!("{name}=; Path=/; Max-Age=0; Secure");
        let domains = hosts.iter().map(|host| host.strip_prefix("www.").unwrap_or(host));
        let lines: Vec<_> = domains.map(|domain| format!("{alone}; Domain={domain}")).collect();
        [vec![alone], lines].concat()
    })
    .filter_map(|line| HeaderValue::from_str(&line).ok())
    .collect()
}

/// A cookie of ours: bound to this host and to TLS, kept from scripts (`p-necessary-only-own`).
///
/// # Errors
/// [`WebError::Internal`], when the value is no header value.
pub(super) fn cookie(
    name: &str,
    value: &str,
    now: Timestamp,
    ends: Timestamp,
) -> Result<HeaderValue, WebError> {
    let seconds = ends.duration_since(now).as_secs().max(0);
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).map_err(|error| WebError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use http::header;
    use jiff::SignedDuration;

    use super::*;
    use crate::testing;

    fn choice(services: &[&str]) -> Choice {
        Choice {
            banner: "b1".into(),
            proof: "p".into(),
            despite_signal: false,
            services: services.iter().map(|id| (*id).into()).collect(),
        }
    }

    fn with_cookie(value: &HeaderValue) -> HeaderMap {
        let pair = value.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&pair).unwrap())])
    }

    #[tokio::test]
    async fn p_consent_12_months_a_choice_holds_six_months_and_not_a_second_more() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let now = app.clock.now();
        let set = choice(&["youtube"]).set_cookie(&app, now).unwrap();
        let age = set.to_str().unwrap().split("Max-Age=").nth(1).unwrap().split(';').next().unwrap();
        let seconds: i64 = age.parse().unwrap();
        assert!((181 * 86_400..=184 * 86_400).contains(&seconds), "{seconds}");
        assert!(set.to_str().unwrap().ends_with("; Secure; HttpOnly; SameSite=Lax"));
        let headers = with_cookie(&set);
        assert_eq!(Choice::of(&app, &headers), Some(choice(&["youtube"])));
        assert_eq!(state(&app, &headers, false).services, ["youtube"]);
        drop(app);
        let before = testing::app(folder.path(), SignedDuration::from_secs(seconds - 5)).await;
        assert!(Choice::of(&before, &headers).is_some());
        drop(before);
        let after = testing::app(folder.path(), SignedDuration::from_secs(seconds)).await;
        assert_eq!(Choice::of(&after, &headers), None);
        assert!(state(&after, &headers, false).ask);
    }

    #[tokio::test]
    async fn p_nothing_before_an_altered_cookie_is_no_choice() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let good = choice(&["youtube"]).set_cookie(&app, app.clock.now()).unwrap();
        let value = good.to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
        for bad in ["", "1", "true", &value[1..], &value[..value.len() - 4], &"A".repeat(4096), "%00", "é"] {
            let field = HeaderValue::from_bytes(format!("{COOKIE}={bad}").as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, field)]);
            let state = state(&app, &headers, false);
            assert!(state.ask && state.services.is_empty() && !state.frame, "{bad}");
        }
    }

    #[tokio::test]
    async fn p_policy_updates_another_version_of_the_question_is_asked_anew() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let old = Choice { banner: "b0".into(), ..choice(&["youtube"]) };
        let state = state(&app, &with_cookie(&old.set_cookie(&app, app.clock.now()).unwrap()), false);
        assert!(state.ask && state.services.is_empty());
    }

    #[tokio::test]
    async fn p_gpc_a_signal_is_a_refusal_without_a_question_unless_chosen_in_spite_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        for name in ["sec-gpc", "dnt"] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("1"));
            let silent = state(&app, &headers, false);
            assert!(!silent.ask && silent.services.is_empty(), "{name}");
        }
        let set = choice(&["youtube"]).set_cookie(&app, app.clock.now()).unwrap();
        assert!(state(&app, &with_cookie(&set), true).services.is_empty());
        let meant = Choice { despite_signal: true, ..choice(&["youtube"]) };
        let set = meant.set_cookie(&app, app.clock.now()).unwrap();
        assert_eq!(state(&app, &with_cookie(&set), true).services, ["youtube"]);
    }

    #[tokio::test]
    async fn withdrawal_removes_the_cookies_of_what_is_refused_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::app(folder.path(), SignedDuration::ZERO).await;
        let field = HeaderValue::from_static("_ga=1; _ga_ABC=2; other=3; __Host-session=4");
        let headers = HeaderMap::from_iter([(header::COOKIE, field)]);
        let lines = withdrawals(&app, &headers, &[]);
        let names: Vec<_> =
            lines.iter().map(|line| line.to_str().unwrap().split('=').next().unwrap()).collect();
        assert_eq!(names, ["_ga", "_ga", "_ga_ABC", "_ga_ABC"]);
        assert!(withdrawals(&app, &headers, &["google_analytics".into()]).is_empty());
    }
}
