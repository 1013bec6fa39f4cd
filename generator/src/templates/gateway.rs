//! Sources that the gateway renders: read, and refused here when it could not read them there.

use std::collections::BTreeMap;
use std::path::Path;

use tera::{ErrorKind, Tera};

use super::faults;
use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;

/// How a mail begins, line by line; its last part, `mail/foot.md`, begins as it likes.
const MAIL_BEGINS: [&str; 3] = ["Subject:", "Preheader:", "Reason:"];

/// Verbatim by name: `forms/*`, `gateway/*`, `mail/*`.
pub(crate) fn for_gateway(root: &Path, theme: &Path, faults: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut templates = BTreeMap::new();
    for (folder, prefix) in [("templates/forms", "forms"), ("gateway", "gateway"), ("mail", "mail")] {
        let folder = theme.join(folder);
        for path in files::walk(root, &folder, faults) {
            match files::text(root, &path) {
                Ok(source) => {
                    let name = format!("{prefix}/{}", files::relative(&folder, &path));
                    let told = if prefix == "forms" { None } else { syntax(&name, &source) };
                    if let Some(fault) = told.or_else(|| mail(&name, &source)) {
                        faults.push(fault);
                    }
                    templates.insert(name, source.text.to_string());
                }
                Err(fault) => faults.push(fault),
            }
        }
    }
    templates
}

/// What cannot be parsed; what it calls is the gateway's. Forms are parsed with the pages.
fn syntax(name: &str, source: &Source) -> Option<Diagnostic> {
    let error = Tera::new().add_raw_template(name, &source.text).err()?;
    let sources = BTreeMap::from([(name.to_owned(), source.clone())]);
    matches!(error.kind(), ErrorKind::SyntaxError(_)).then(|| faults::fault(&error, &sources, ""))
}

/// A mail without its subject, its preheader or the reason why it is sent.
fn mail(name: &str, source: &Source) -> Option<Diagnostic> {
    if !name.starts_with("mail/") || !name.ends_with(".md") || name == "mail/foot.md" {
        return None;
    }
    let mut start = 0;
    let mut lines = source.text.split_inclusive('\n');
    for begins in MAIL_BEGINS {
        let line = lines.next().unwrap_or_default();
        if line.strip_prefix(begins).is_none_or(|value| value.trim().is_empty()) {
            let end = start + line.trim_end().len();
            return Some(Diagnostic::error("mail-head", &[("line", begins)]).at(source, start..end));
        }
        start += line.len();
    }
    None
}
