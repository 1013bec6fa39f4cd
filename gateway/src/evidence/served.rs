//! TLS and fields of answers as they are served: asked of the same functions that serve them.

use std::sync::Arc;

use aops_manifest::Language;

use super::EvidenceError;
use crate::app::App;
use crate::edge::response_headers;
use crate::edge::tls;
use crate::leaflet::Section;
use crate::register::Writing;

/// The parts of the page.
pub(super) fn sections(app: &App, writing: &Writing<'_>) -> Result<Vec<Section>, EvidenceError> {
    let told = |error: tls::TlsError| EvidenceError::Feature(error.to_string());
    let certificates = Arc::new(tls::certificates(&app.settings).map_err(told)?);
    let config = tls::server_config(&app.settings, certificates).map_err(told)?;
    let provider = config.crypto_provider();
    let suites = provider.cipher_suites.iter().map(|suite| vec![format!("{:?}", suite.suite())]);
    let groups = provider.kx_groups.iter().map(|group| vec![format!("{:?}", group.name())]);
    let protocols = config.alpn_protocols.iter().map(|name| vec![String::from_utf8_lossy(name).into_owned()]);
    let word = |key: &str| writing.word(&format!("dossier.{key}"));
    let fields = response_headers::places();
    let fields = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()]);
    let mut fields: Vec<Vec<String>> = fields.collect();
    fields.sort();
    let mut sections = vec![
        Section::table(word("suites"), vec![word("suite")], suites.collect()),
        Section::table(word("groups"), vec![word("group")], groups.collect()),
        Section::table(word("protocols"), vec![word("protocol")], protocols.collect()),
        Section::table(word("fields"), vec![word("field"), word("value")], fields),
    ];
    if let Some(policy) = writing.site.shell_csp(Language::Fr) {
        let policy = policy.to_str().unwrap_or_default().to_owned();
        sections.push(Section::words(word("page_policy"), vec![policy]));
    }
    Ok(sections)
}
