//! The Content-Security-Policy of a page, from what stands in it (CSP Level 3, W3C).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::Sources;
use crate::digest::sha256;

/// The policy of a page: nothing but this site's own files and frames, the inline pieces it really holds, and
/// what the site's configuration adds.
pub(crate) fn policy(html: &str, more: &Sources) -> String {
    let added = |directive: &str| {
        let sources = more.get(directive).map(Vec::as_slice).unwrap_or_default();
        sources.iter().map(|source| format!(" {source}")).collect::<String>()
    };
    let scripts = hashes(html, "script") + &added("script-src");
    let styles = hashes(html, "style") + &added("style-src");
    let (images, calls, frames) = (added("img-src"), added("connect-src"), added("frame-src"));
    format!(
        "default-src 'none'; style-src 'self'{styles}; img-src 'self' data:{images}; \
         script-src 'self'{scripts}; connect-src 'self'{calls}; frame-src 'self'{frames}; \
         form-action 'self' https://checkout.stripe.com; base-uri 'none'; frame-ancestors 'none'; \
         font-src 'self'; manifest-src 'self'"
    )
}

/// ` 'sha256-…'` for each inline element that a browser would run or apply.
fn hashes(html: &str, element: &str) -> String {
    let mut sources = String::new();
    for inline in inline_elements(html, element) {
        let source = format!(" 'sha256-{}'", STANDARD.encode(sha256(inline.as_bytes())));
        if !sources.contains(&source) {
            sources.push_str(&source);
        }
    }
    sources
}

fn inline_elements<'a>(html: &'a str, element: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{element}"), format!("</{element}"));
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(&open) {
        rest = &rest[at + open.len()..];
        let Some((attributes, after)) = rest.split_once('>') else { break };
        if !attributes.is_empty() && !attributes.starts_with(|c: char| c.is_ascii_whitespace()) {
            continue;
        }
        let Some(end) = after.find(&close) else { break };
        rest = &after[end..];
        // A script with a source, or whose type is data, is not inline code.
        let is_data = attributes.contains("type=\"application/") && !attributes.contains("javascript\"");
        if !attributes.contains(" src=") && !is_data {
            found.push(&after[..end]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_pieces_are_allowed_by_their_hash_and_data_needs_none() {
        let html = "<style>p{}</style><script src=\"/a.js\"></script><script type=\"application/ld+json\">{}</script>\
                    <script>let a=1</script><styled>x</styled>";
        let policy = policy(html, &Sources::new());
        assert_eq!(policy.matches("sha256-").count(), 2, "{policy}");
        let script = STANDARD.encode(sha256(b"let a=1"));
        assert!(policy.contains(&format!("script-src 'self' 'sha256-{script}';")), "{policy}");
        assert!(!policy.contains("unsafe"));
    }

    #[test]
    fn the_configuration_may_add_sources_to_a_directive() {
        let more = Sources::from([("script-src".into(), vec!["https://a.example".into()])]);
        let policy = policy("<p>", &more);
        assert!(
            policy.contains("script-src 'self' https://a.example; connect-src 'self'; frame-src 'self'; ")
        );
    }
}
