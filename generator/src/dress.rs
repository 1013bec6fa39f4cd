//! What a theme brings: templates, styles, scripts, interface strings. It knows no page.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::assets::{self, Asset};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::i18n::{self, Strings};
use crate::markdown::highlight::Highlighter;
use crate::templates::{self, Shared, Signatures, Templates};
use crate::theme::Theme;

/// A theme, loaded.
pub(crate) struct Dress {
    pub(crate) theme: Theme,
    pub(crate) assets: Vec<Asset>,
    pub(crate) names: Arc<HashMap<String, String>>,
    pub(crate) strings: Arc<Strings>,
    pub(crate) for_gateway: BTreeMap<String, String>,
    pub(crate) templates: Templates,
    pub(crate) signatures: Signatures,
    pub(crate) shared: Arc<Shared>,
    pub(crate) highlighter: Highlighter,
    /// Whether the style sheet holds the colours of code.
    pub(crate) with_code: bool,
    /// Whether all of it could be loaded.
    pub(crate) is_whole: bool,
}

impl Dress {
    /// Loads the theme of a site; without its folder nothing can be said of the site.
    pub(crate) fn load(
        root: &Path,
        theme: &str,
        data: &serde_json::Map<String, serde_json::Value>,
        with_code: bool,
        faults: &mut Diagnostics,
    ) -> Result<Self, Diagnostic> {
        let theme = Theme::load(root, theme)?;
        let before = faults.len();
        let folder = &theme.folder;
        let (assets, names) = assets::load(root, folder, with_code, faults);
        let (names, strings) = (Arc::new(names), Arc::new(i18n::load(root, folder, faults)));
        let for_gateway = templates::for_gateway(root, folder, faults);
        let signatures = Signatures::load(root, folder, faults);
        let shared = Arc::new(Shared::default());
        let mut templates = Templates::load(root, folder, &shared, faults);
        for (name, value) in data {
            templates.tera.global_context().insert(name.clone(), value);
        }
        Ok(Self {
            is_whole: faults.len() == before,
            theme,
            assets,
            names,
            strings,
            for_gateway,
            templates,
            signatures,
            shared,
            highlighter: Highlighter::default(),
            with_code,
        })
    }
}
