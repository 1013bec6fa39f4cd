//! Structured data of a page (schema.org, as JSON-LD): who publishes, where the page stands, what article it is.

use serde_json::{Map, Value, json};

use super::values::SiteFacts;
use crate::config::SiteConfig;
use crate::content::{Kind, Library};

/// The publisher, from the table `company` of the site's data where there is one.
pub(super) fn organization(config: &SiteConfig, base_url: &str, data: &Map<String, Value>) -> Value {
    let company = data.get("company");
    let field = |name: &str| company.and_then(|company| company.get(name)?.as_str());
    let mut organization = json!({
        "@type": "Organization",
        "@id": format!("{base_url}/#organization"),
        "name": field("name").unwrap_or(&config.title),
        "url": format!("{base_url}/"),
    });
    if let (Some(street), Some(postcode), Some(city)) = (field("street"), field("postcode"), field("city")) {
        organization["address"] = json!({
            "@type": "PostalAddress",
            "streetAddress": street,
            "postalCode": postcode,
            "addressLocality": city,
            "addressCountry": "FR",
        });
    }
    organization
}

/// The data of a document, safe inside a `<script>`.
pub(super) fn json_ld(library: &Library, id: usize, facts: &SiteFacts) -> String {
    let document = &library.documents[id];
    let base = &facts.base_url;
    let address = format!("{base}{}", document.path);
    let mut graph = vec![facts.organization.clone()];
    let trail: Vec<usize> = library.ancestors(id).into_iter().chain([id]).collect();
    if trail.len() > 1 {
        let items = trail.iter().enumerate().map(|(place, id)| {
            let document = &library.documents[*id];
            json!({
                "@type": "ListItem",
                "position": place + 1,
                "name": document.title,
                "item": format!("{base}{}", document.path),
            })
        });
        graph.push(json!({ "@type": "BreadcrumbList", "itemListElement": items.collect::<Vec<_>>() }));
    }
    if let (Some(date), true) = (document.days.date, document.kind != Kind::Section) {
        let publisher = json!({ "@id": format!("{base}/#organization") });
        let authors: Vec<Value> =
            document.front.authors.iter().map(|name| json!({ "@type": "Person", "name": name })).collect();
        let mut article = json!({
            "@type": "Article",
            "headline": document.title,
            "inLanguage": document.language.tag(),
            "mainEntityOfPage": address,
            "datePublished": date.to_string(),
            "dateModified": document.days.updated.unwrap_or(date).to_string(),
            "publisher": publisher,
            "author": if authors.is_empty() { publisher.clone() } else { Value::from(authors) },
        });
        if let Some(description) = &document.description {
            article["description"] = Value::from(description.as_str());
        }
        graph.push(article);
    }
    // `<` could close the element that holds the data.
    json!({ "@context": "https://schema.org", "@graph": graph }).to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_a_page_cannot_close_its_element() {
        let facts = SiteFacts::new(
            &toml::from_str("theme = \"t\"\ntitle = \"</script>\"\nbase_url = \"https://a.fr\"\ndescription = { fr = \"\", en = \"\" }").unwrap(),
            "https://a.fr",
            &Map::new(),
        );
        assert_eq!(facts.organization["name"], "</script>");
        let library = Library::of_one("+++\ntitle = \"</script>\"\ndate = 2026-01-01\n+++\n");
        let data = json_ld(&library, 0, &facts);
        assert!(!data.contains('<'), "{data}");
        let read: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(read["@graph"][1]["headline"], "</script>");
    }
}
