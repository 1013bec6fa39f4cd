//! The theme's templates: loaded, checked, given their functions and filters, and their faults told.

mod arguments;
mod faults;
mod filters;
mod functions;
mod gateway;
mod structured;
mod values;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tera::Tera;

use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;

pub(crate) use arguments::Signatures;
pub(crate) use faults::reason;
pub(crate) use functions::DOCUMENT;
pub(crate) use gateway::for_gateway;
pub(crate) use values::{
    SiteFacts, Values, base_context, light, map, own_value, page_path, paginator, with_children,
};
pub(crate) use world::{Shared, Touched, World, noting};

/// The theme's templates, ready to render, and their sources by name.
pub(crate) struct Templates {
    pub(crate) tera: Tera,
    sources: BTreeMap<String, Source>,
}

impl Templates {
    /// Loads `templates/**` of a theme; every template at fault is told and left out.
    pub(crate) fn load(root: &Path, theme: &Path, shared: &Arc<Shared>, faults: &mut Diagnostics) -> Self {
        let folder = theme.join("templates");
        let mut sources = BTreeMap::new();
        for path in files::walk(root, &folder, faults) {
            match files::text(root, &path) {
                Ok(source) => {
                    sources.insert(files::relative(&folder, &path), source);
                }
                Err(fault) => faults.push(fault),
            }
        }
        let mut left = sources.clone();
        loop {
            let mut tera = Tera::new();
            functions::register(&mut tera, shared);
            filters::register(&mut tera, shared);
            let added =
                tera.add_raw_templates(left.iter().map(|(name, source)| (name, source.text.as_ref())));
            let Err(error) = added else { return Self { tera, sources } };
            faults.push(faults::fault(&error, &sources, ""));
            // Who takes part in a cycle would be missed by all others.
            if faults::is_cycle(&error) {
                return Self { tera: Tera::new(), sources };
            }
            match faults::culprit(&error).filter(|name| left.remove(*name).is_some()) {
                Some(_) => {}
                None => return Self { tera: Tera::new(), sources },
            }
        }
    }

    /// Renders a page; `file` is what is named when no template is at fault.
    pub(crate) fn render(
        &self,
        name: &str,
        context: &tera::Context,
        file: &str,
    ) -> Result<String, Diagnostic> {
        if !self.tera.contains_template(name) {
            return Err(self.missing(name).in_file(file));
        }
        self.tera.render(name, context).map_err(|error| faults::fault(&error, &self.sources, file))
    }

    /// The fault of a template that does not exist.
    pub(crate) fn missing(&self, name: &str) -> Diagnostic {
        faults::missing(name, &self.sources)
    }
}
