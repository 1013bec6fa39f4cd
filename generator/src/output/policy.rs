//! A page's `Content-Security-Policy`: nothing but our own files, and inline code only by its digest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use html5gum::{Token, Tokenizer};
use sha2::{Digest, Sha256};

/// The policy of a page (CSP level 3).
///
/// Payment leaves by a redirect to Stripe, which browsers count as where the form goes.
pub(crate) fn content_security_policy(page: &[u8]) -> String {
    let (scripts, styles) = inline(page);
    format!(
        "default-src 'none'; script-src 'self'{}; style-src 'self'{}; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; form-action 'self' https://checkout.stripe.com; \
         frame-ancestors 'none'; base-uri 'none'",
        sources(&scripts),
        sources(&styles)
    )
}

/// Digests of inline scripts and styles, in their order.
fn inline(page: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut scripts, mut styles) = (Vec::new(), Vec::new());
    let mut inside: Option<(bool, Vec<u8>)> = None;
    for Ok(token) in Tokenizer::new(page) {
        match token {
            Token::StartTag(tag) if tag.name.as_slice() == b"script" => {
                inside = (!tag.attributes.contains_key(b"src".as_slice())).then(|| (true, Vec::new()));
            }
            Token::StartTag(tag) if tag.name.as_slice() == b"style" => inside = Some((false, Vec::new())),
            Token::String(text) => {
                if let Some((_, bytes)) = &mut inside {
                    bytes.extend_from_slice(&text);
                }
            }
            Token::EndTag(tag) if matches!(tag.name.as_slice(), b"script" | b"style") => {
                if let Some((script, bytes)) = inside.take() {
                    let digest = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&bytes)));
                    if script { scripts.push(digest) } else { styles.push(digest) }
                }
            }
            _ => {}
        }
    }
    (scripts, styles)
}

fn sources(digests: &[String]) -> String {
    digests.iter().map(|digest| format!(" {digest}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_code_is_allowed_by_its_digest_alone() {
        let policy = content_security_policy(b"<script>a()</script><style>b{}</style><script src=x></script>");
        // printf 'a()' | openssl dgst -sha256 -binary | base64
        let script = STANDARD.encode(Sha256::digest(b"a()"));
        assert!(policy.contains(&format!("script-src 'self' 'sha256-{script}';")), "{policy}");
        assert_eq!(policy.matches("sha256-").count(), 2);
        assert!(!content_security_policy(b"<p>").contains("sha256"));
    }
}
