//! Links of the content to other sites, and how what those sites say is told to editors. It asks none itself.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aops_manifest::Language;
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::diagnostics::{Diagnostic, Diagnostics, Source};
use crate::files;

/// A link to another site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalLink {
    /// As it is written, with its fragment.
    pub url: String,
    /// The file that holds it, relative to the root folder, `/`-separated.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// What is not as it should be with a link to another site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalFault {
    /// The page has another address for good.
    Moved {
        /// That address.
        to: String,
    },
    /// There is no such page.
    Gone {
        /// The HTTP status.
        status: u16,
    },
    /// The site does not answer, or not in a way that is understood.
    Unreachable {
        /// Why, in the words of the system.
        reason: String,
    },
    /// The site does not answer programs.
    Refused,
}

/// Every link of the content's Markdown to another site, in the order of files and lines; files that cannot be
/// read are passed over, as the check itself tells them.
pub fn external_links(root: &Path) -> Vec<ExternalLink> {
    let mut links = Vec::new();
    for language in Language::ALL {
        let folder = root.join("content").join(language.tag());
        for path in files::walk(root, &folder, &mut Diagnostics::default()) {
            if path.extension().is_some_and(|extension| extension == "md")
                && let Ok(source) = files::text(root, &path)
            {
                links.extend(of_markdown(&source));
            }
        }
    }
    links
}

/// Tells editors what is wrong with links. A page that is gone is an error; all else may pass, and is a warning.
pub fn external_faults(root: &Path, found: &[(ExternalLink, ExternalFault)]) -> Diagnostics {
    let mut sources: HashMap<&str, Option<Source>> = HashMap::new();
    let mut faults = Diagnostics::default();
    for (link, fault) in found {
        let url = ("url", link.url.as_str());
        let fault = match fault {
            ExternalFault::Moved { to } => Diagnostic::warning("external-moved", &[url, ("to", to)]),
            ExternalFault::Gone { status } => {
                Diagnostic::error("external-gone", &[url, ("status", &status.to_string())])
            }
            ExternalFault::Unreachable { reason } => {
                Diagnostic::warning("external-unreachable", &[url, ("reason", reason)])
            }
            ExternalFault::Refused => Diagnostic::warning("external-refused", &[url]),
        };
        let source =
            sources.entry(&link.file).or_insert_with(|| files::text(root, &root.join(&*link.file)).ok());
        faults.push(match source {
            Some(source) if link.line > 0 => {
                let start = link.column.saturating_sub(1);
                let end = start + link.url.chars().count();
                fault.at_lines(source, (link.line, start), (link.line, end))
            }
            _ => fault.in_file(&link.file),
        });
    }
    faults.ordered()
}

fn of_markdown(source: &Source) -> Vec<ExternalLink> {
    let mut links = Vec::new();
    for (event, range) in Parser::new_ext(&source.text, Options::ENABLE_TABLES).into_offset_iter() {
        let (Event::Start(Tag::Link { dest_url: url, .. }) | Event::Start(Tag::Image { dest_url: url, .. })) =
            event
        else {
            continue;
        };
        if !url.starts_with("http://") && !url.starts_with("https://") {
            continue;
        }
        // A reference `[a][b]` holds its address elsewhere: the link itself is shown then.
        let at = source.text[range.clone()].find(&*url).map_or(range.start, |at| range.start + at);
        let line_start = source.text[..at].rfind('\n').map_or(0, |at| at + 1);
        links.push(ExternalLink {
            url: url.into_string(),
            file: Arc::clone(&source.file),
            line: source.text[..at].matches('\n').count() + 1,
            column: source.text[line_start..at].chars().count() + 1,
        });
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "+++\ntitle = \"A\"\n+++\nL’été, [l’Insee](https://insee.fr/a#b) et [nous](@/a.md).\n\n\
                        ```\n[code](https://code.example)\n```\n<http://b.example/>\n";

    #[test]
    fn links_to_other_sites_are_found_where_they_stand_and_not_in_code() {
        let links = of_markdown(&Source::new("content/fr/a.md", TEXT));
        let places: Vec<_> = links.iter().map(|l| (l.url.as_str(), l.line, l.column)).collect();
        assert_eq!(places, [("https://insee.fr/a#b", 4, 18), ("http://b.example/", 9, 2)]);
    }

    #[test]
    fn a_page_that_is_gone_is_an_error_with_its_place() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("content/fr")).unwrap();
        std::fs::write(root.path().join("content/fr/a.md"), TEXT).unwrap();
        let links = external_links(root.path());
        let states = [ExternalFault::Gone { status: 404 }, ExternalFault::Refused];
        let found: Vec<_> = links.into_iter().zip(states).collect();
        let faults = external_faults(root.path(), &found);
        assert!(faults.has_errors());
        let told: Vec<_> = faults.iter().map(|f| (f.code, f.line, f.column, f.length)).collect();
        assert_eq!(told, [("external-gone", 4, 18, 20), ("external-refused", 9, 2, 17)]);
    }
}
