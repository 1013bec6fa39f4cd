//! A site that is changed while it is served: after any change it is what a build from nothing would be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aops_generator::{BuildOptions, Change, Diagnostics, Session, build};
use aops_manifest::FILE_NAME;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{config, options, site};

/// A site that is being written, with articles, a list of them, data and a drawing.
struct Desk {
    root: TempDir,
    session: Session,
}

impl Desk {
    fn new() -> Self {
        let root = site(None);
        let file = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // A page that shows everything it may know of others.
        let page = fs::read_to_string(root.path().join("themes/plain/templates/page.html")).unwrap();
        let more = "{{ page.content | safe }}{{ json_ld() }}{% if page.previous %}{{ page.previous.title }}{% endif %}{% if page.next %}{{ page.next.path }}{% endif %}{{ page.summary }}\
                    {% for other in page.related %}{{ other.title }} {{ other.summary }}{% endfor %}\
                    {% if page.series %}{% for other in page.series.pages %}{{ other.title }}{% endfor %}{% endif %}\
                    {% for above in page.ancestors %}{{ above.title }}{% endfor %}\
                    {% set list = section(path=\"_index.md\") %}{% for other in list.pages %}{{ other.path }} {{ other.summary }}{% endfor %}\
                    {% set all = taxonomy(name=\"themes\") %}{% for term in all.terms %}{{ term.name }} {{ term.count }}{% endfor %}";
        file("themes/plain/templates/page.html", &page.replace("{{ page.content | safe }}", more));
        file(
            "content/fr/articles/_index.md",
            "+++\ntitle = \"Articles\"\nsort_by = \"date\"\npaginate_by = 2\n+++\n",
        );
        for (name, day, theme) in [("un", 1, "a"), ("deux", 2, "b"), ("trois", 3, "a"), ("quatre", 4, "b")] {
            file(
                &format!("content/fr/articles/{name}.md"),
                &format!(
                    "+++\ntitle = \"Article {name}\"\ndate = 2026-01-0{day}\n[taxonomies]\nthemes = [\"{theme}\"]\n+++\n\nTexte de {name}.\n"
                ),
            );
        }
        file(
            "content/fr/bundle/index.md",
            "+++\ntitle = \"Avec fichiers\"\n+++\n\n{{ table(data=\"d.csv\") }}\n\n![Un dessin](e.svg)\n",
        );
        file("content/fr/bundle/d.csv", "a,b\n1,2\n");
        file(
            "content/fr/bundle/e.svg",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4 2\"><path d=\"M0 0\"/></svg>",
        );
        let session = Session::begin(&config(root.path()).unwrap(), &Self::options(root.path())).unwrap().0;
        Self { root, session }
    }

    fn options(root: &Path) -> BuildOptions {
        let mut options = options(&root.canonicalize().unwrap());
        options.plain = false;
        options.uncompressed = true;
        options
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    /// Writes files (or removes those without text), and hands them over as one change.
    fn save(&mut self, files: &[(&str, Option<&str>)]) -> Result<Change, Diagnostics> {
        let mut changed = BTreeSet::new();
        for (name, text) in files {
            let path = self.path(name);
            match text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            changed.insert(path);
        }
        let change = self.session.apply(&changed)?;
        self.session.write()?;
        Ok(change)
    }

    /// What stands in the output, and what a build from nothing would put there.
    fn outputs(&self) -> [BTreeMap<String, Vec<u8>>; 2] {
        let fresh = tempfile::tempdir().unwrap();
        let mut options = Self::options(self.root.path());
        options.output = fresh.path().join("public");
        build(&config(self.root.path()).unwrap(), &options).unwrap();
        [self.path("public"), options.output].map(|folder| {
            walkdir::WalkDir::new(&folder)
                .into_iter()
                .map(Result::unwrap)
                .filter(|entry| entry.file_type().is_file())
                .map(|entry| {
                    let name = entry.path().strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
                    (name, fs::read(entry.path()).unwrap())
                })
                .collect()
        })
    }

    fn assert_whole(&self) {
        let [here, fresh] = self.outputs();
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&here), names(&fresh));
        // The manifest names all the others: it comes last.
        for (name, bytes) in
            here.iter().filter(|(name, _)| *name != FILE_NAME).chain(here.get_key_value(FILE_NAME))
        {
            assert_eq!(
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(&fresh[name]),
                "{name} is not what a build from nothing gives"
            );
        }
    }
}

fn paths(change: &Change) -> Vec<&str> {
    change.files.iter().map(|(path, ..)| path.as_str()).collect()
}

const ARTICLE: &str =
    "+++\ntitle = \"Article un\"\ndate = 2026-01-01\n[taxonomies]\nthemes = [\"a\"]\n+++\n\n";

#[test]
fn a_changed_word_changes_its_page_and_what_shows_it_and_nothing_else() {
    let mut desk = Desk::new();
    let after_summary = format!("{ARTICLE}Texte de un.\n\n<!-- more -->\n\nUn mot.\n");
    desk.save(&[("content/fr/articles/un.md", Some(&after_summary))]).unwrap();
    let plain = "<h1>{{ page.title }}</h1>{{ page.content | safe }}";
    desk.save(&[("themes/plain/templates/page.html", Some(plain))]).unwrap();
    let again = after_summary.replace("Un mot.", "Un autre mot.");
    let change = desk.save(&[("content/fr/articles/un.md", Some(&again))]).unwrap();
    let changed = paths(&change);
    assert!(changed.contains(&"/articles/un/"), "{changed:?}");
    assert!(!changed.iter().any(|path| path.starts_with("/articles/deux") || *path == "/"), "{changed:?}");
    desk.assert_whole();
}

#[test]
fn pages_come_go_and_move() {
    let mut desk = Desk::new();
    let new = ARTICLE.replace("un", "cinq").replace("2026-01-01", "2026-02-01");
    let change = desk.save(&[("content/fr/articles/cinq.md", Some(&new))]).unwrap();
    assert!(paths(&change).contains(&"/articles/cinq/"), "{:?}", paths(&change));
    desk.assert_whole();
    let renamed = [("content/fr/articles/cinq.md", None), ("content/fr/articles/six.md", Some(new.as_str()))];
    let change = desk.save(&renamed).unwrap();
    assert_eq!(change.removed, ["/articles/cinq/"]);
    desk.assert_whole();
    fs::create_dir(desk.path("content/fr/neuf")).unwrap();
    desk.save(&[
        ("content/fr/neuf/index.md", Some("+++\ntitle = \"Neuf\"\n+++\n")),
        ("content/fr/neuf/x.txt", Some("x")),
    ])
    .unwrap();
    desk.assert_whole();
    desk.save(&[("content/fr/neuf/x.txt", None)]).unwrap();
    desk.assert_whole();
}

#[test]
fn a_fault_changes_nothing_and_is_gone_when_mended() {
    let mut desk = Desk::new();
    let before = fs::read(desk.path("public/articles/un/index.html")).unwrap();
    let faults = desk.save(&[("content/fr/articles/un.md", Some("+++\ntitel = \"x\"\n+++\n"))]).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["unknown-key"]);
    assert_eq!(fs::read(desk.path("public/articles/un/index.html")).unwrap(), before);
    // Another file is saved while the first is still at fault: told again.
    let faults = desk.save(&[("content/fr/bundle/d.csv", Some("a,b\n3,4\n"))]).unwrap_err();
    assert_eq!(faults.len(), 1);
    let mended = format!("{ARTICLE}Mieux.\n");
    let change = desk.save(&[("content/fr/articles/un.md", Some(&mended))]).unwrap();
    assert!(paths(&change).contains(&"/bundle/"), "{:?}", paths(&change));
    desk.assert_whole();
}

#[test]
fn links_to_what_goes_are_told_and_to_what_moves_follow() {
    let mut desk = Desk::new();
    let with_link = format!("{ARTICLE}Voir [deux](@/articles/deux.md).\n");
    desk.save(&[("content/fr/articles/un.md", Some(&with_link))]).unwrap();
    let two = fs::read_to_string(desk.path("content/fr/articles/deux.md")).unwrap();
    let moved = two.replace("date =", "slug = \"autre\"\ndate =");
    let change = desk.save(&[("content/fr/articles/deux.md", Some(&moved))]).unwrap();
    assert!(paths(&change).contains(&"/articles/un/"), "{:?}", paths(&change));
    desk.assert_whole();
    let faults = desk.save(&[("content/fr/articles/deux.md", None)]).unwrap_err();
    assert_eq!(faults.iter().next().map(|fault| fault.code), Some("link-broken"));
}

#[test]
fn data_drawings_templates_styles_and_strings_are_followed() {
    let mut desk = Desk::new();
    let theme = "themes/plain";
    desk.save(&[("content/fr/bundle/d.csv", Some("a,b\n9,8\n"))]).unwrap();
    desk.assert_whole();
    desk.save(&[(
        "content/fr/bundle/e.svg",
        Some("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 2\"/>"),
    )])
    .unwrap();
    desk.assert_whole();
    let template = fs::read_to_string(desk.path(&format!("{theme}/templates/page.html"))).unwrap();
    let changed = template.replace("{{ page.content", "<hr>{{ page.content");
    desk.save(&[(&format!("{theme}/templates/page.html"), Some(&changed))]).unwrap();
    desk.assert_whole();
    let shortcode = format!("{theme}/templates/shortcodes/table.html");
    desk.save(&[(
        &shortcode,
        Some("<table>{% for row in data %}<tr><td>{{ row[0] }}</td></tr>{% endfor %}</table>"),
    )])
    .unwrap();
    desk.assert_whole();
    let change = desk.save(&[(&format!("{theme}/styles/00-base.css"), Some("p { color: teal }"))]).unwrap();
    assert!(change.removed.iter().any(|path| path.starts_with("/assets/site.")), "{:?}", change.removed);
    desk.assert_whole();
    let faults = desk.save(&[(&format!("{theme}/templates/page.html"), Some("{% block"))]).unwrap_err();
    assert_eq!(faults.iter().next().map(|fault| fault.code), Some("template-invalid"));
    desk.save(&[(&format!("{theme}/templates/page.html"), Some(&template))]).unwrap();
    desk.assert_whole();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_saved_the_output_is_that_of_a_build_from_nothing(
        saves in proptest::collection::vec((0_usize..4, 0_usize..7, 0_u8..9), 1..8)
    ) {
        let mut desk = Desk::new();
        for (article, what, salt) in saves {
            let name = ["un", "deux", "trois", "quatre"][article];
            let file = format!("content/fr/articles/{name}.md");
            let front = |title: &str, day: u8, theme: &str, more: &str| format!(
                "+++\ntitle = \"{title}\"\ndate = 2026-01-{:02}\n{more}[taxonomies]\nthemes = [\"{theme}\"]\n+++\n\n", day + 1
            );
            let text = match what {
                0 => front(name, salt, "a", "") + &format!("Texte {salt}.\n"),
                1 => front(&format!("Titre {salt}"), 1, "b", "") + "Texte.\n",
                2 => front(name, 1, &format!("t{salt}"), "draft = true\n"),
                3 => front(name, 1, "a", &format!("weight = {salt}\nseries = \"S\"\n")) + "## Partie\n",
                4 => front(name, 1, "a", &format!("aliases = [\"/vieux-{name}-{salt}/\"]\n")) + "Texte.\n",
                5 => front(name, 1, "b", &format!("slug = \"{name}-{salt}\"\n")) + "{{ say(word=\"x\") }}\n",
                _ => front(name, 1, "b", "expires_at = 2026-01-31\n"),
            };
            prop_assert!(desk.save(&[(&file, Some(&text))]).is_ok());
        }
        desk.assert_whole();
    }
}
