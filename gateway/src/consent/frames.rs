//! Frames of this site in which third parties run: the hidden one of accepted services, and one for each video
//! or post that a visitor opened. Each has a policy of its own, so that pages need allow nothing; closing the
//! frame ends what runs in it at once.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};
use url::Url;

use crate::app::{App, SharedApp};
use crate::consent::choice;
use crate::web::{WebError, negotiation};

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/consentement/services", get(services)).route("/integration", get(embed))
}

/// `GET /consentement/services`: a document that loads what was accepted; nothing at all without consent.
async fn services(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let query = negotiation::query(&uri)?;
    let state = choice::state(&app, &headers, query.contains_key("signal"));
    if !state.frame {
        return Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response());
    }
    let mut sources = app.settings.consent.sources(&state.services);
    // What embeds need is no concern of the hidden frame.
    sources.remove("frame-src");
    sources.entry("script-src").or_default().insert("'self'");
    let config = &app.settings.consent.config;
    let accepted = |id: &str| state.services.iter().any(|service| service == id);
    let context = json!({
        "script": app.site.load().asset("services.js"),
        "google_analytics": config.google_analytics.as_ref().filter(|_| accepted("google_analytics")),
        "linkedin_insight": config.linkedin_insight.as_ref().filter(|_| accepted("linkedin_insight")),
    });
    framed(&app, "gateway/services.html", &uri, &headers, context, &sources)
}

/// `GET /integration?adresse=`: the player of one video or post, which its visitor asked for.
async fn embed(State(app): State<SharedApp>, uri: Uri, headers: HeaderMap) -> Result<Response, WebError> {
    let query = negotiation::query(&uri)?;
    let asked = query.get("adresse").and_then(|address| player(address)).ok_or(WebError::NotFound)?;
    let ids = [asked.service.to_owned()];
    let mut sources = app.settings.consent.sources(&ids);
    sources.entry("style-src").or_default().insert("'self'");
    let context = json!({ "style": app.site.load().asset("site.css"), "player": asked.address });
    framed(&app, "gateway/integration.html", &uri, &headers, context, &sources)
}

/// A player on the service's own host.
#[derive(Debug, PartialEq, Eq)]
struct Player {
    service: &'static str,
    address: String,
}

/// The player of an address that people know: a video of YouTube, a post of LinkedIn; nothing else is framed.
fn player(address: &str) -> Option<Player> {
    let address = Url::parse(address).ok().filter(|url| url.scheme() == "https")?;
    let host = address.host_str()?.trim_start_matches("www.").trim_start_matches("m.");
    let segments: Vec<_> = address.path_segments()?.filter(|segment| !segment.is_empty()).collect();
    let video = match (host, segments.as_slice()) {
        ("youtu.be", [id]) => Some((*id).to_owned()),
        ("youtube.com" | "youtube-nocookie.com", ["embed" | "shorts" | "live", id]) => Some((*id).to_owned()),
        ("youtube.com", ["watch"]) => {
            address.query_pairs().find(|(name, _)| name == "v").map(|(_, id)| id.into_owned())
        }
        _ => None,
    };
    if let Some(id) = video {
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let whole = id.len() == 11 && id.bytes().all(known);
        let address = format!("https://www.youtube-nocookie.com/embed/{id}");
        return whole.then_some(Player { service: "youtube", address });
    }
    if host != "linkedin.com" {
        return None;
    }
    let (kind, number) = match segments.as_slice() {
        ["feed", "update", urn] | ["embed", "feed", "update", urn] => {
            urn.strip_prefix("urn:li:")?.split_once(':')?
        }
        ["posts", name] => ("activity", name.split("-activity-").nth(1)?.split('-').next()?),
        _ => return None,
    };
    let known = ["activity", "share", "ugcPost"].contains(&kind);
    let digits = (8..=24).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let address = format!("https://www.linkedin.com/embed/feed/update/urn:li:{kind}:{number}");
    (known && digits).then_some(Player { service: "linkedin", address })
}

/// A document of its own that only our pages may frame.
fn framed(
    app: &App,
    template: &str,
    uri: &Uri,
    headers: &HeaderMap,
    context: Value,
    sources: &BTreeMap<&str, BTreeSet<&str>>,
) -> Result<Response, WebError> {
    let site = app.site.load();
    let language = negotiation::language(uri, headers);
    let page =
        site.alone(language, template, context).map_err(|error| WebError::Internal(error.to_string()))?;
    let mut policy =
        String::from("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'");
    for (directive, allowed) in sources {
        let allowed: Vec<_> = allowed.iter().copied().collect();
        policy.push_str(&format!("; {directive} {}", allowed.join(" ")));
    }
    let policy = HeaderValue::from_str(&policy).map_err(|error| WebError::Internal(error.to_string()))?;
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        // A player wants to know on which site it stands, not on which page.
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin")),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    Ok((fields, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_third_party_embeds_only_players_of_the_listed_services_are_framed() {
        let address = |text: &str| player(text).map(|player| player.address);
        let video = Some("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ".to_owned());
        assert_eq!(address("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3"), video);
        assert_eq!(address("https://youtu.be/dQw4w9WgXcQ"), video);
        let post = address("https://www.linkedin.com/feed/update/urn:li:activity:7123456789012345678/");
        assert_eq!(
            post.as_deref(),
            Some("https://www.linkedin.com/embed/feed/update/urn:li:activity:7123456789012345678")
        );
        assert_eq!(address("https://www.linkedin.com/posts/aops_x-activity-7123456789012345678-AbCd"), post);
        for other in [
            "https://www.youtube.com/watch?v=short",
            "http://youtu.be/dQw4w9WgXcQ",
            "https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ",
            "https://www.youtube.com/watch?v=dQw4w9%22%3EcQ",
            "https://www.linkedin.com/feed/update/urn:li:person:7123456789012345678",
            "https://evil.example/",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(player(other), None, "{other}");
        }
    }
}
