//! Conditional requests (RFC 9110 § 13): an answer that a client has already is not sent again, and what changed since a
//! client looked is neither changed nor deleted by mistake.
//!
//! A tag names the version of what is kept, and the bytes that were answered of it: another language, or how far a
//! calculation has come, is another answer. Before a change the version alone counts.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::WebError;
use crate::sealing;

/// Bytes of the digest that stand in a tag.
const DIGEST: usize = 12;

/// What a client knows of what it would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfMatch(Option<Known>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// `*`: whatever is there.
    Anything,
    /// One of these versions.
    Versions(Vec<u64>),
}

impl IfMatch {
    /// Of a request; without the field everything goes.
    ///
    /// # Errors
    /// [`WebError::BadRequest`] for what is no list of tags.
    pub fn of(headers: &HeaderMap) -> Result<Self, WebError> {
        let Some(tags) = tags(headers, &header::IF_MATCH)? else { return Ok(Self(None)) };
        if tags == ["*"] {
            return Ok(Self(Some(Known::Anything)));
        }
        // Weak tags and tags of others' making never match (§ 13.1.1).
        Ok(Self(Some(Known::Versions(tags.iter().filter_map(|tag| version(tag)).collect()))))
    }

    /// Lets a change through that was decided on this version.
    ///
    /// # Errors
    /// [`WebError::PreconditionFailed`].
    pub fn allows(&self, version: u64) -> Result<(), WebError> {
        match &self.0 {
            Some(Known::Versions(versions)) if !versions.contains(&version) => {
                Err(WebError::PreconditionFailed)
            }
            _ => Ok(()),
        }
    }
}

/// A representation as JSON, with the tag of its version; without a body where the client has it.
///
/// # Errors
/// [`WebError::BadRequest`] for what is no list of tags.
pub fn answer(headers: &HeaderMap, version: u64, value: &Value) -> Result<Response, WebError> {
    let body = value.to_string();
    let tag = tag(version, body.as_bytes());
    let mut response = if has(headers, &tag)? {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
    };
    bear(&mut response, &tag);
    Ok(response)
}

/// As [`answer`], with another status, to what was no question for a representation.
pub fn tagged(status: StatusCode, version: u64, value: &Value, shown: &Value) -> Response {
    let tag = tag(version, value.to_string().as_bytes());
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (status, kind, shown.to_string()).into_response();
    bear(&mut response, &tag);
    response
}

fn bear(response: &mut Response, tag: &str) {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn tag(version: u64, body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{version}.{}\"", sealing::hex(&digest[..DIGEST]))
}

/// The version in a strong tag of ours.
fn version(tag: &str) -> Option<u64> {
    let (version, digest) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once('.')?;
    let ours = digest.len() == 2 * DIGEST && version.bytes().all(|byte| byte.is_ascii_digit());
    version.parse().ok().filter(|_| ours)
}

/// Whether `If-None-Match` names a tag; compared weakly (§ 13.1.2).
fn has(headers: &HeaderMap, tag: &str) -> Result<bool, WebError> {
    let Some(tags) = tags(headers, &header::IF_NONE_MATCH)? else { return Ok(false) };
    Ok(tags.iter().any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag))
}

/// The tags of a list field, as written; a `*` stands alone.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Vec<String>>, WebError> {
    let wrong =
        WebError::BadRequest("If-Match and If-None-Match take entity tags between double quotes, or *");
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        let mut rest = value.to_str().map_err(|_| wrong.clone())?.trim();
        if rest == "*" {
            all.push("*".to_owned());
            continue;
        }
        while !rest.is_empty() {
            let (weak, opaque) = match rest.strip_prefix("W/") {
                Some(opaque) => ("W/", opaque),
                None => ("", rest),
            };
            let (tag, after) = opaque
                .strip_prefix('"')
                .and_then(|text| text.split_once('"'))
                .ok_or_else(|| wrong.clone())?;
            all.push(format!("{weak}\"{tag}\""));
            rest = after.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(wrong),
            };
        }
    }
    if all.len() > 1 && all.iter().any(|tag| tag == "*") {
        return Err(wrong);
    }
    Ok(Some(all))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn etag(response: &Response) -> String {
        response.headers()[header::ETAG].to_str().unwrap().to_owned()
    }

    #[test]
    fn an_answer_that_the_client_has_is_not_sent_again_and_any_other_is() {
        let value = json!({ "a": 1 });
        let first = answer(&HeaderMap::new(), 3, &value).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = etag(&first);
        for had in [tag.clone(), format!("W/{tag}"), "*".into(), format!("\"x\", {tag}")] {
            let again = answer(&with(header::IF_NONE_MATCH, &[&had]), 3, &value).unwrap();
            assert_eq!((again.status(), etag(&again)), (StatusCode::NOT_MODIFIED, tag.clone()), "{had}");
            assert!(!again.headers().contains_key(header::CONTENT_TYPE));
        }
        let had = with(header::IF_NONE_MATCH, &[&tag]);
        assert_eq!(answer(&had, 4, &value).unwrap().status(), StatusCode::OK, "another version");
        assert_eq!(answer(&had, 3, &json!({ "a": 2 })).unwrap().status(), StatusCode::OK, "other bytes");
    }

    #[test]
    fn a_change_is_let_through_on_the_version_that_was_seen_and_on_no_other() {
        let value = json!({ "a": 1 });
        let tag = etag(&answer(&HeaderMap::new(), 3, &value).unwrap());
        let seen = |values: &[&str]| IfMatch::of(&with(header::IF_MATCH, values)).unwrap();
        let both = format!("\"x\",{tag}");
        for passes in [&[tag.as_str()][..], &["*"], &["\"x\"", tag.as_str()], &[both.as_str()]] {
            assert!(seen(passes).allows(3).is_ok(), "{passes:?}");
        }
        let weak = format!("W/{tag}");
        for fails in ["\"x\"", weak.as_str(), "\"3\"", "\"4.000000000000000000000000\"", ""] {
            let told = seen(&[fails]).allows(3);
            assert!(matches!(told, Err(WebError::PreconditionFailed)), "{fails}");
        }
        assert!(seen(&[&tag]).allows(4).is_err());
        assert!(IfMatch::of(&HeaderMap::new()).unwrap().allows(9).is_ok(), "nothing is asked");
    }

    #[test]
    fn what_is_no_list_of_tags_is_told() {
        for wrong in ["x", "\"a", "\"a\" \"b\"", "*, \"a\"", "'a'"] {
            let headers = with(header::IF_MATCH, &[wrong]);
            assert!(matches!(IfMatch::of(&headers), Err(WebError::BadRequest(_))), "{wrong}");
        }
    }
}
