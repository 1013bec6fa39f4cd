//! Makes the same synthetic site each time: `cargo run --example corpus -- DIR PAGES [zola|hugo]`. Ten sections, ten
//! tags, paginated lists, tables, code, footnotes; no clock and no chance.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// A theme as small as a real one: the cost measured is the generator's.
const THEME: &[(&str, &str)] = &[
    ("theme.toml", "name = \"bench\"\n"),
    ("i18n/fr.toml", "more = \"Lire la suite\"\n"),
    ("i18n/en.toml", "more = \"Read on\"\n"),
    ("styles/00.css", "body { margin: 0 auto; max-width: 40rem; }\n"),
    (
        "templates/base.html",
        "<!doctype html>\n<html lang=\"{{ lang }}\"><head><meta charset=\"utf-8\"><title>{% block title %}{{ site.title }}{% endblock title %}</title><link rel=\"stylesheet\" href=\"{{ asset(name=\"site.css\") }}\"></head><body><main>{% block main %}{% endblock main %}</main></body></html>\n",
    ),
    (
        "templates/home.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ section.title }}</h1>{% for child in section.subsections %}<p><a href=\"{{ child.path }}\">{{ child.title }}</a></p>{% endfor %}{% endblock main %}",
    ),
    (
        "templates/section.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ section.title }}</h1>{% for page in section.pages %}<p><a href=\"{{ page.path }}\">{{ page.title }}</a> {{ page.summary }} {{ t(key=\"more\") }}</p>{% endfor %}{% if section.paginator.next %}<a href=\"{{ section.paginator.next }}\">+</a>{% endif %}{% endblock main %}",
    ),
    (
        "templates/page.html",
        "{% extends \"base.html\" %}{% block title %}{{ page.title }}{% endblock title %}{% block main %}<h1>{{ page.title }}</h1><p>{{ page.date | date }}</p><nav>{% for entry in page.toc %}<a href=\"#{{ entry.id }}\">{{ entry.title }}</a>{% endfor %}</nav>{{ page.content | safe }}{% for tag in page.taxonomies.tags %}<a href=\"{{ tag.path }}\">{{ tag.name }}</a>{% endfor %}{% if page.previous %}<a href=\"{{ page.previous.path }}\">{{ page.previous.title }}</a>{% endif %}{% endblock main %}",
    ),
    (
        "templates/taxonomy.html",
        "{% extends \"base.html\" %}{% block main %}{% for term in taxonomy.terms %}<a href=\"{{ term.path }}\">{{ term.name }} {{ term.count }}</a>{% endfor %}{% endblock main %}",
    ),
    (
        "templates/term.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ term.name }}</h1>{% for page in term.pages %}<p><a href=\"{{ page.path }}\">{{ page.title }}</a></p>{% endfor %}{% endblock main %}",
    ),
    ("templates/404.html", "{% extends \"base.html\" %}{% block main %}<h1>404</h1>{% endblock main %}"),
    (
        "templates/shell.html",
        "{% extends \"base.html\" %}{% block main %}<!--shell:main-->{% endblock main %}",
    ),
];

/// The same lists, pages and terms for Zola 0.22 and Hugo 0.168, to be measured side by side.
const ZOLA: &[(&str, &str)] = &[
    (
        "config.toml",
        "base_url = \"https://corpus.example\"\ntitle = \"Corpus\"\ngenerate_feeds = true\ntaxonomies = [{ name = \"tags\", feed = true }]\n\n[markdown]\nhighlight_code = true\n",
    ),
    (
        "templates/base.html",
        "<!doctype html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>{% block title %}{{ config.title }}{% endblock title %}</title></head><body><main>{% block main %}{% endblock main %}</main></body></html>\n",
    ),
    (
        "templates/index.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ section.title }}</h1>{% for path in section.subsections %}{% set child = get_section(path=path, metadata_only=true) %}<p><a href=\"{{ child.permalink }}\">{{ child.title }}</a></p>{% endfor %}{% endblock main %}",
    ),
    (
        "templates/section.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ section.title }}</h1>{% for page in paginator.pages %}<p><a href=\"{{ page.permalink }}\">{{ page.title }}</a> {{ page.summary | safe }}</p>{% endfor %}{% if paginator.next %}<a href=\"{{ paginator.next }}\">+</a>{% endif %}{% endblock main %}",
    ),
    (
        "templates/page.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ page.title }}</h1><p>{{ page.date }}</p><nav>{% for entry in page.toc %}<a href=\"{{ entry.permalink }}\">{{ entry.title }}</a>{% endfor %}</nav>{{ page.content | safe }}{% for tag in page.taxonomies.tags %}<a href=\"{{ get_taxonomy_url(kind='tags', name=tag) }}\">{{ tag }}</a>{% endfor %}{% if page.lower %}<a href=\"{{ page.lower.permalink }}\">{{ page.lower.title }}</a>{% endif %}{% endblock main %}",
    ),
    (
        "templates/taxonomy_list.html",
        "{% extends \"base.html\" %}{% block main %}{% for term in terms %}<a href=\"{{ term.permalink }}\">{{ term.name }}</a>{% endfor %}{% endblock main %}",
    ),
    (
        "templates/taxonomy_single.html",
        "{% extends \"base.html\" %}{% block main %}<h1>{{ term.name }}</h1>{% for page in term.pages %}<p><a href=\"{{ page.permalink }}\">{{ page.title }}</a></p>{% endfor %}{% endblock main %}",
    ),
];

const HUGO: &[(&str, &str)] = &[
    (
        "hugo.toml",
        "baseURL = \"https://corpus.example/\"\ntitle = \"Corpus\"\n[taxonomies]\ntag = \"tags\"\n[pagination]\npagerSize = 10\n",
    ),
    (
        "layouts/_default/baseof.html",
        "<!doctype html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><title>{{ .Title }}</title></head><body><main>{{ block \"main\" . }}{{ end }}</main></body></html>\n",
    ),
    (
        "layouts/index.html",
        "{{ define \"main\" }}<h1>{{ .Title }}</h1>{{ range .Sections }}<p><a href=\"{{ .RelPermalink }}\">{{ .Title }}</a></p>{{ end }}{{ end }}",
    ),
    (
        "layouts/_default/list.html",
        "{{ define \"main\" }}<h1>{{ .Title }}</h1>{{ range .Paginator.Pages }}<p><a href=\"{{ .RelPermalink }}\">{{ .Title }}</a> {{ .Summary }}</p>{{ end }}{{ with .Paginator.Next }}<a href=\"{{ .URL }}\">+</a>{{ end }}{{ end }}",
    ),
    (
        "layouts/_default/single.html",
        "{{ define \"main\" }}<h1>{{ .Title }}</h1><p>{{ .Date }}</p>{{ .TableOfContents }}{{ .Content }}{{ range .GetTerms \"tags\" }}<a href=\"{{ .RelPermalink }}\">{{ .Title }}</a>{{ end }}{{ with .PrevInSection }}<a href=\"{{ .RelPermalink }}\">{{ .Title }}</a>{{ end }}{{ end }}",
    ),
];

const SITE: &str = "[site]\ntheme = \"bench\"\ntitle = \"Corpus\"\nbase_url = \"https://localhost:8443\"\ntaxonomies = [\"tags\"]\n\n[site.description]\nfr = \"Un corpus\"\nen = \"A corpus\"\n\n[gateway]\nhttps = \"127.0.0.1:8443\"\nhttp = \"127.0.0.1:8080\"\noperations = \"127.0.0.1:9090\"\nhosts = [\"localhost\"]\n\n[mail]\nfrom = \"a@corpus.example\"\nfrom_name = \"Corpus\"\nstaff = \"b@corpus.example\"\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("usage: corpus DIR PAGES")?);
    let pages: usize = arguments.next().ok_or("usage: corpus DIR PAGES")?.parse()?;
    let write = |path: String, text: &str| -> std::io::Result<()> {
        let path = root.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)
    };
    let content = match arguments.next().as_deref() {
        Some("zola") => {
            ZOLA.iter().try_for_each(|(name, text)| write((*name).to_owned(), text))?;
            "content"
        }
        Some("hugo") => {
            HUGO.iter().try_for_each(|(name, text)| write((*name).to_owned(), text))?;
            "content"
        }
        _ => {
            write("site.toml".into(), SITE)?;
            THEME.iter().try_for_each(|(name, text)| write(format!("themes/bench/{name}"), text))?;
            "content/fr"
        }
    };
    write(format!("{content}/_index.md"), "+++\ntitle = \"Accueil\"\n+++\n")?;
    for section in 0..10 {
        let front =
            format!("+++\ntitle = \"Section {section}\"\nsort_by = \"date\"\npaginate_by = 10\n+++\n");
        write(format!("{content}/s{section}/_index.md"), &front)?;
    }
    for number in 0..pages {
        write(format!("{content}/s{}/p{number}.md", number % 10), &page(number, pages))?;
    }
    Ok(())
}

fn page(number: usize, pages: usize) -> String {
    let (year, month, day) = (2015 + number % 10, 1 + number % 12, 1 + number % 28);
    let (tag, other) = (number % 10, (number * 7 + 3) % 10);
    let target = (number * 31 + 7) % pages;
    let section = target % 10;
    let mut text = format!(
        "+++\ntitle = \"Page {number} : l'essai\"\ndate = {year}-{month:02}-{day:02}\n\n[taxonomies]\ntags = [\"tag {tag}\", \"tag {other}\"]\n+++\n\nUn début de page ; il dit \"bonjour\" aux {number} lecteurs !\n\n<!-- more -->\n\n"
    );
    for part in 0..4 {
        text.push_str(&format!("## Partie {part} de la page\n\n"));
        for sentence in 0..6 {
            text.push_str(&format!(
                "La phrase {sentence} de l'essai n° {number} compare *deux* taux : {part},5 % et **{sentence} %**, soit 1 200 € par an. "
            ));
        }
        text.push_str(&format!("Voir [une autre page](@/s{section}/p{target}.md).\n\n"));
    }
    text.push_str("| Âge | Prime | Capital |\n|---|--:|--:|\n");
    for row in 0..8 {
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            20 + row * 5,
            100 + row * number % 97,
            10_000 + row * 500
        ));
    }
    text.push_str(&format!(
        "\n```rust\nfn valeur_{}(taux: f64) -> f64 {{\n    // Une annuité.\n    (1.0 - (1.0 + taux).powi(-{})) / taux\n}}\n```\n\nUne note[^1].\n\n[^1]: La note de la page {number}.\n",
        number % 50,
        number % 40
    ));
    text
}
