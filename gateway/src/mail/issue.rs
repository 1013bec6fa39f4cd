//! An issue of the newsletter, made from a page that an editor wrote: its title, its lead, where it leads.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde::{Deserialize, Serialize};

/// What `mail/newsletter_numero.md` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The page's title, the letter's subject.
    pub title: String,
    /// Its description.
    pub lead: String,
    /// Where the page is read.
    pub link: String,
    /// The pages it leads to, each once, in the order of the text.
    pub links: Vec<Further>,
}

/// A page that an issue leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Further {
    /// The words of the link.
    pub title: String,
    /// An https address.
    pub url: String,
}

/// Why a page makes no issue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// No front matter.
    #[error("the page does not begin with TOML between two lines `+++`")]
    NoFrontMatter,
    /// Not TOML, or without a title or a description.
    #[error("the page's front matter: {0}")]
    FrontMatter(String),
    /// Editors' drafts are not sent.
    #[error("the page is a draft: publish it first")]
    Draft,
}

#[derive(Deserialize)]
struct FrontMatter {
    title: String,
    description: String,
    #[serde(default)]
    draft: bool,
}

impl Issue {
    /// Reads a page's Markdown; `link` is where the page is read, and `resolve` gives the https address of what a
    /// link of its text names (`@/offres/ifc.md`), or nothing when the letter is to leave it out.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn of(page: &str, link: &str, resolve: impl Fn(&str) -> Option<String>) -> Result<Self, IssueError> {
        let page = page.replace("\r\n", "\n");
        let (front, body) = page
            .strip_prefix("+++\n")
            .and_then(|rest| rest.split_once("\n+++"))
            .ok_or(IssueError::NoFrontMatter)?;
        let front: FrontMatter =
            toml::from_str(front).map_err(|error| IssueError::FrontMatter(error.message().to_owned()))?;
        if front.draft {
            return Err(IssueError::Draft);
        }
        Ok(Self {
            title: front.title,
            lead: front.description,
            link: link.to_owned(),
            links: links(body, resolve),
        })
    }
}

fn links(body: &str, resolve: impl Fn(&str) -> Option<String>) -> Vec<Further> {
    let mut links: Vec<Further> = Vec::new();
    let mut open = None;
    for event in Parser::new(body) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                open = resolve(&dest_url).map(|url| (url, String::new()))
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, title)) = &mut open {
                    title.push_str(&words);
                }
            }
            Event::SoftBreak => {
                if let Some((_, title)) = &mut open {
                    title.push(' ');
                }
            }
            Event::End(TagEnd::Link) => {
                if let Some((url, title)) = open.take()
                    && url.starts_with("https://")
                    && !title.trim().is_empty()
                    && links.iter().all(|link| link.url != url)
                {
                    links.push(Further { title, url });
                }
            }
            _ => {}
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "+++\ntitle = \"Le taux\"\ndescription = \"Comment il se choisit.\"\ndate = 2026-11-24\n+++\n\
        Voyez [l’offre\n*IFC*](@/offres/ifc.md), [encore](@/offres/ifc.md), [la norme](https://example.org/n),\n\
        [la courbe](taux.csv), [vide](http://example.org) et ![une image](p.png).\n";

    fn resolve(target: &str) -> Option<String> {
        match target {
            "@/offres/ifc.md" => Some("https://aops.fr/offres/ifc/".into()),
            other => other.contains("://").then(|| other.to_owned()),
        }
    }

    #[test]
    fn an_issue_is_the_title_the_lead_and_the_links_of_a_page() {
        let issue = Issue::of(PAGE, "https://aops.fr/articles/le-taux/", resolve).unwrap();
        assert_eq!((issue.title.as_str(), issue.lead.as_str()), ("Le taux", "Comment il se choisit."));
        let links: Vec<_> = issue.links.iter().map(|link| (link.title.as_str(), link.url.as_str())).collect();
        let offer = ("l’offre IFC", "https://aops.fr/offres/ifc/");
        assert_eq!(links, [offer, ("la norme", "https://example.org/n")]);
    }

    #[test]
    fn a_page_that_is_not_ready_is_not_sent() {
        let of = |page: &str| Issue::of(page, "https://aops.fr/", resolve).unwrap_err();
        assert_eq!(of("Bonjour"), IssueError::NoFrontMatter);
        assert!(
            matches!(of("+++\ntitle = \"A\"\n+++\n"), IssueError::FrontMatter(why) if why.contains("description"))
        );
        assert_eq!(of("+++\ntitle = \"A\"\ndescription = \"B\"\ndraft = true\n+++\n"), IssueError::Draft);
    }
}
