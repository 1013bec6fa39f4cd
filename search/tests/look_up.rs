//! The crate as the generator and the gateway use it, and the answers that the theme's script must give too.

use std::path::Path;

use aops_search::{Entry, Index, MOST_BYTES, build, words};
use proptest::prelude::*;
use serde::Serialize;

fn paths(index: &Index, query: &str) -> Vec<String> {
    index.query(query, 20).into_iter().map(|hit| hit.path).collect()
}

fn entry<'a>(path: &'a str, title: &'a str, headings: &[&'a str], text: &'a str) -> Entry<'a> {
    Entry { path, title, headings: headings.to_vec(), description: "", text }
}

fn french() -> Vec<Entry<'static>> {
    vec![
        entry("/rente/", "Rentes viagères", &["L’âge et la table"], "Une rente se verse jusqu’au décès."),
        entry("/ifc/", "Indemnités de fin de carrière", &["Évaluer"], "L’évaluation de l’engagement social."),
        entry("/provisions/", "Provisionnement", &["Chain Ladder"], "Les provisions et leur fréquence."),
        entry("/protection/", "Protection sociale", &[], "Engagements sociaux, prévoyance, rente."),
        entry("/glossaire/", "Glossaire", &["Rente"], "Âge, décès, fréquent, cœur, IAS 19, 2,5 %."),
    ]
}

fn english() -> Vec<Entry<'static>> {
    vec![
        entry("/en/annuity/", "Life annuities", &["Age"], "An annuity is paid until death."),
        entry("/en/reserving/", "Reserving", &["Chain ladder"], "Reserves for claims; claims’ triangles."),
        entry("/en/", "Actuarial advice", &[], "Annuities, reserves and retirement indemnities."),
    ]
}

const FRENCH_QUERIES: [&str; 22] = [
    "rente",
    "RENTES",
    "rentes viageres",
    "l’âge",
    "age décès",
    "sociaux",
    "social",
    "sociale",
    "évaluations",
    "evaluer engagement",
    "frequence",
    "fréquents",
    "cœur",
    "coeur",
    "ias 19",
    "prov",
    "provisionnements",
    "de la",
    "",
    "zébu",
    "rente zébu",
    "glossaire rente",
];
const ENGLISH_QUERIES: [&str; 8] =
    ["annuity", "annuities", "ANNUIT", "the reserves", "reserving", "claim", "ladders", "retire indemnity"];

#[test]
fn inflected_and_unaccented_words_find_the_page_and_titles_come_first() {
    let index = build(&french(), "fr");
    assert_eq!(paths(&index, "rentes"), ["/rente/", "/glossaire/", "/protection/"]);
    assert_eq!(paths(&index, "evaluations"), ["/ifc/"]);
    assert_eq!(paths(&index, "l’age"), ["/rente/", "/glossaire/"]);
    assert_eq!(paths(&index, "engagements sociaux"), ["/protection/", "/ifc/"]);
    assert_eq!(paths(&index, "rente sociale"), ["/protection/"]);
    let index = build(&english(), "en");
    assert_eq!(paths(&index, "annuity"), ["/en/annuity/", "/en/"]);
}

#[test]
fn an_inflection_that_no_page_has_finds_the_others() {
    let cases = [
        ("fr", "protection sociale", "sociaux"),
        ("fr", "effets nombreux", "nombreuse"),
        ("fr", "sinistres fréquents", "fréquence"),
        ("fr", "population active", "actifs"),
        ("fr", "les rentes", "rente"),
        ("fr", "évaluation", "évaluer"),
        ("en", "life annuities", "annuity"),
        ("en", "one annuity", "annuities"),
        ("en", "reserving", "reserves"),
    ];
    for (language, text, query) in cases {
        let index = build(&[entry("/a/", "", &[], text)], language);
        assert_eq!(paths(&index, query), ["/a/"], "{query} in {text}");
    }
}

#[test]
fn a_query_of_stop_words_or_unknown_words_finds_nothing() {
    let index = build(&french(), "fr");
    for query in ["", "de la", "l", "zébu", "rente zébu", "« … »"] {
        assert!(paths(&index, query).is_empty(), "{query}");
    }
}

#[test]
fn equal_scores_stand_in_the_order_of_paths_whatever_the_order_given() {
    let same = |path| entry(path, "Titre", &[], "texte");
    let index = build(&[same("/c/"), same("/a/"), same("/b/")], "fr");
    assert_eq!(paths(&index, "texte"), ["/a/", "/b/", "/c/"]);
    assert_eq!(index, build(&[same("/b/"), same("/c/"), same("/a/")], "fr"));
    assert_eq!(index.query("texte", 2).len(), 2);
}

#[test]
fn the_index_of_a_hundred_long_pages_fits() {
    let pages = synthetic(100, 900);
    let entries: Vec<_> = pages.iter().map(Synthetic::entry).collect();
    let json = build(&entries, "fr").to_json().unwrap();
    assert!(json.len() <= MOST_BYTES, "{} bytes", json.len());
    assert!(json.len() > MOST_BYTES / 2, "room is left unused: {} bytes", json.len());
    let index = Index::from_json(json.as_bytes()).unwrap();
    for page in &pages {
        let found = paths(&index, &page.title);
        assert_eq!(found.first(), Some(&page.path), "{}", page.title);
    }
}

/// The script's test reads the same file; `AOPS_BLESS=1 cargo test -p aops-search` writes it anew.
#[test]
fn the_fixtures_shared_with_the_script_hold() {
    for (language, entries, queries) in
        [("fr", french(), &FRENCH_QUERIES[..]), ("en", english(), &ENGLISH_QUERIES[..])]
    {
        let index = build(&entries, language);
        let answers = queries.iter().map(|query| {
            let hits = index.query(query, 20).into_iter().map(|hit| (hit.path, hit.score)).collect();
            Answer { query, words: words(query), hits }
        });
        let fixture = Fixture { index: &index, answers: answers.collect() };
        let made = serde_json::to_string(&fixture).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{language}.json"));
        if std::env::var_os("AOPS_BLESS").is_some() {
            std::fs::write(&path, format!("{made}\n")).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), made, "{}", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_makes_an_index_or_a_query_fail(text in any::<String>(), query in any::<String>()) {
        for language in ["fr", "en"] {
            let index = build(&[entry("/a/", &text, &[&query], &text)], language);
            index.query(&query, 20);
            index.query(&text, 20);
            let again = Index::from_json(index.to_json().unwrap().as_bytes()).unwrap();
            prop_assert_eq!(again, index);
        }
    }

    #[test]
    fn any_text_is_an_index_or_refused(json in any::<Vec<u8>>()) {
        let _ = Index::from_json(&json);
    }

    #[test]
    fn every_word_of_a_page_finds_it(
        texts in prop::collection::vec(prop::collection::vec("(ag|rent|soc|fréqu|constitution)(e|es|ence|ent|ial|iaux|ables|nellement)?", 1..8), 1..6),
    ) {
        let pages: Vec<_> = texts.iter().enumerate().map(|(n, text)| (format!("/{n}/"), text.join(" "))).collect();
        let entries: Vec<_> = pages.iter().map(|(path, text)| entry(path, "", &[], text)).collect();
        for language in ["fr", "en"] {
            let index = build(&entries, language);
            for ((path, _), text) in pages.iter().zip(&texts) {
                for word in text {
                    prop_assert!(paths(&index, word).contains(path), "{word} in {path}");
                }
            }
        }
    }
}

#[derive(Serialize)]
struct Fixture<'a> {
    index: &'a Index,
    answers: Vec<Answer<'a>>,
}

#[derive(Serialize)]
struct Answer<'a> {
    query: &'a str,
    words: Vec<String>,
    hits: Vec<(String, u32)>,
}

struct Synthetic {
    path: String,
    title: String,
    heading: String,
    text: String,
}

impl Synthetic {
    fn entry(&self) -> Entry<'_> {
        let headings = vec![self.heading.as_str()];
        Entry {
            path: &self.path,
            title: &self.title,
            headings,
            description: &self.text[..300],
            text: &self.text,
        }
    }
}

/// Pages of words drawn from 4,000 with the frequencies of a language (Zipf), each of three syllables or two.
fn synthetic(count: usize, length: usize) -> Vec<Synthetic> {
    const SYLLABLES: [&str; 16] = [
        "ba", "co", "di", "fu", "gra", "lin", "mo", "nu", "pro", "qui", "re", "sta", "tor", "ver", "zi",
        "chan",
    ];
    let word = |n: usize| {
        let last = if n.is_multiple_of(3) { "" } else { SYLLABLES[(n / 7) % 16] };
        format!("{}{}{last}x", SYLLABLES[n % 16], SYLLABLES[(n / 16) % 16])
    };
    let mut state = 7_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
        word((4000_f64.powf(uniform) - 1.0) as usize)
    };
    let mut some = |n: usize| (0..n).map(|_| draw()).collect::<Vec<_>>().join(" ");
    let page = |n: usize| Synthetic {
        path: format!("/articles/un-titre-de-page-{n}/"),
        title: format!("Titre{n} {}", some(4)),
        heading: some(5),
        text: some(length),
    };
    (0..count).map(page).collect()
}
