//! What Markdown becomes, case by case.

use aops_manifest::Language;

use super::*;
use crate::config::{BuildOptions, SiteConfig};
use crate::content;
use crate::copies;
use crate::diagnostics::Diagnostics;

/// Renders a French page whose body is `body`, in a site that also has `offres/ifc.md` and pictures.
fn rendered(body: &str) -> Rendered {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("content/fr");
    std::fs::create_dir_all(folder.join("offres")).unwrap();
    let file = |name: &str, body: &str| {
        std::fs::write(folder.join(name), format!("+++\ntitle = \"T\"\n+++\n{body}")).unwrap();
    };
    file("_index.md", "");
    file("offres/ifc.md", "## Prix");
    file("a.md", body);
    std::fs::write(folder.join("d.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(folder.join("e.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4 2\"/>")
        .unwrap();
    let config: SiteConfig = toml::from_str(
        "theme = \"t\"\ntitle = \"T\"\nbase_url = \"https://x.fr\"\ndescription = { fr = \"\", en = \"\" }",
    )
    .unwrap();
    let mut faults = Diagnostics::default();
    let options = BuildOptions::new(root.path(), jiff::civil::date(2026, 11, 23));
    let loaded = content::load(&options, &config, &mut faults);
    assert!(faults.is_empty(), "{faults}");
    let library = Library::new(loaded.documents, loaded.withheld, &config, &mut faults);
    let mut tera = Tera::new();
    tera.add_raw_templates([
        ("shortcodes/box.html", "<div>{{ body | safe }}</div>"),
        ("shortcodes/say.html", "<b>{{ word }}</b>"),
        ("shortcodes/rows.html", "{% for row in data %}{{ row[0] }};{% endfor %}"),
    ])
    .unwrap();
    let environment = Environment {
        library: &library,
        highlighter: &Highlighter::default(),
        tera: &tera,
        signatures: &Signatures::default(),
        facts: &SiteFacts::new(&config, "https://x.fr", &serde_json::Map::new()),
        beside: &Beside::new(root.path(), &copies::published(&library, &loaded.others), &[]),
    };
    let id = library.find(Language::Fr, "a.md").unwrap();
    render(environment, &library.documents[id])
}

fn html(body: &str) -> String {
    let rendered = rendered(body);
    assert!(rendered.faults.is_empty(), "{:?}", rendered.faults);
    rendered.html.trim().to_owned()
}

#[test]
fn text_is_set_and_code_is_not() {
    assert_eq!(
        html("L'été : `a : b` ! <kbd>x ?</kbd> [y ?](https://a.fr/?b=c ;d)"),
        "<p>L’été\u{A0}: <code>a : b</code>\u{202F}! <kbd>x ?</kbd> [y\u{202F}?](https://a.fr/?b=c ;d)</p>"
    );
    assert_eq!(html("le 2e, *le 1er*"), "<p>le 2<sup>e</sup>, <em>le 1<sup>er</sup></em></p>");
}

#[test]
fn headings_have_unique_ids_and_anchors() {
    let page = rendered("## Été {.x}\n\n## Été\n\n### Fin {#p-fin}\n");
    let ids: Vec<_> = page.ids.iter().map(String::as_str).collect();
    assert_eq!(ids, ["ete", "ete-2", "p-fin"]);
    assert!(
        page.html.starts_with("<h2 id=\"ete\" class=\"x\">Été<a class=\"anchor\" href=\"#ete\""),
        "{}",
        page.html
    );
    assert_eq!(page.toc[1].children[0].id, "p-fin");
}

#[test]
fn internal_links_become_paths_and_broken_ones_faults() {
    assert_eq!(html("[x](@/offres/ifc.md#prix)"), "<p><a href=\"/offres/ifc/#prix\">x</a></p>");
    let page = rendered("été\n\n[x](@/offres/ifcs.md)");
    let fault = &page.faults[0];
    assert_eq!((fault.code, fault.line, fault.column), ("link-broken", 6, 1));
    assert!(fault.hint.as_deref().is_some_and(|hint| hint.contains("@/offres/ifc.md")));
}

#[test]
fn tables_align_by_class() {
    let html = html("| a | b |\n|---|--:|\n| x | 1 |\n");
    assert!(
        html.contains("<th scope=\"col\" class=\"num\">b</th>") && html.contains("<td class=\"num\">1</td>"),
        "{html}"
    );
    assert!(!html.contains("style="));
}

#[test]
fn footnotes_stand_at_the_end_in_the_order_of_their_references() {
    let html = html("a[^x] b[^y]\n\n[^y]: deux\n\n[^x]: un\n");
    let (one, two) = (html.find("id=\"fn-1\"").unwrap(), html.find("id=\"fn-2\"").unwrap());
    assert!(one < two && html[one..two].contains("un"), "{html}");
}

#[test]
fn shortcodes_stand_in_lines_and_around_blocks() {
    assert_eq!(
        html("a {{ say(word=\"<x>\") }} ?\n\n{% box() %}\n**b** {{ say(word=1) }}\n{% end %}\n\nc"),
        "<p>a <b>&lt;x&gt;</b>\u{202F}?</p>\n<div><p><strong>b</strong> <b>1</b></p>\n</div>\n<p>c</p>"
    );
    assert_eq!(html("{{ rows(data=\"d.csv\") }}"), "a;1;");
    assert_eq!(rendered("## A {{ say(word=\"b\") }}\n").toc[0].title, "A b");
}

#[test]
fn faults_of_shortcodes_point_to_the_call() {
    for (body, code, column) in [
        ("x {{ sya(word=1) }}", "shortcode-unknown", 6),
        ("x {{ rows(data=\"e.csv\") }}", "data-missing", 11),
        ("x {{ rows(data=\"../e.csv\") }}", "data-outside", 11),
        ("x {{ say() }}", "shortcode-failed", 3),
    ] {
        let page = rendered(body);
        let found: Vec<_> = page.faults.iter().map(|f| (f.code, f.line, f.column)).collect();
        assert_eq!(found, [(code, 4, column)], "{body}");
    }
}

#[test]
fn a_summary_is_text_up_to_the_mark() {
    assert_eq!(rendered("Un **deux**.\n\n<!-- more -->\n\nTrois.").summary, "Un deux.");
    assert_eq!(rendered(&"mot ".repeat(200)).summary.chars().count(), 240);
}

#[test]
fn a_hundred_thousand_nested_quotes_or_brackets_overflow_nothing() {
    for opening in [">", "[", "*", "- ", "![", "`"] {
        let page = rendered(&opening.repeat(100_000));
        assert!(page.faults.is_empty());
    }
}

#[test]
fn pictures_have_their_text() {
    assert_eq!(
        html("![Un *bel* âge](/a.png \"t\")"),
        "<p><img src=\"/a.png\" alt=\"Un bel âge\" title=\"t\" loading=\"lazy\" decoding=\"async\"></p>"
    );
}

#[test]
fn files_beside_a_page_are_found_and_missing_pictures_told() {
    assert!(html("![e](e.svg)").contains("src=\"/e.svg\""));
    assert!(html("[e](./e.svg)").contains("href=\"/e.svg\""));
    let page = rendered("![e](f.svg)");
    let fault = &page.faults[0];
    assert_eq!((fault.code, fault.line, fault.column), ("picture-missing", 4, 1));
}

#[test]
fn formulas_become_mathml_and_prices_stay_text() {
    assert!(html("Soit $v = \\frac{1}{1+i}$ ;").contains("<mfrac>"));
    assert!(html("$$\n\\sum_k v^k\n$$").contains("display=\"block\""));
    assert_eq!(html("De 5 $ à 7 $."), "<p>De 5\u{A0}$ à 7\u{A0}$.</p>");
    let page = rendered("a\n\n$a^b^c$");
    assert_eq!((page.faults[0].code, page.faults[0].line), ("formula", 6));
}

#[test]
fn alerts_say_what_they_are() {
    let html = html("> [!WARNING]\n> Prudence.\n");
    assert!(html.contains("<p class=\"markdown-alert-title\">Attention</p>"), "{html}");
}
