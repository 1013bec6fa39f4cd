//! A good site: what comes out, that it is the same each time, and that it replaces what was there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aops_generator::{Language as Written, NewContent, NewKind, Watcher, build, check, new_content};
use aops_manifest::{Cache, FILE_NAME, Language, Manifest, Shell};

use crate::support::{built, config, options, site};

fn manifest(root: &Path) -> Manifest {
    serde_json::from_slice(&fs::read(root.join("public").join(FILE_NAME)).unwrap()).unwrap()
}

/// Every file below a folder.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_manifest_names_every_file_and_nothing_else() {
    let root = site(None);
    let mut wanted = options(root.path());
    wanted.plain = false;
    build(&config(root.path()).unwrap(), &wanted).unwrap();
    let manifest = manifest(root.path());
    let mut named: Vec<String> = vec![FILE_NAME.to_owned()];
    for entry in manifest.entries.values() {
        let length = fs::metadata(root.path().join("public").join(&entry.file)).unwrap().len();
        assert_eq!(length, entry.length, "{}", entry.file);
        named.push(entry.file.clone());
        named.extend(entry.variants.values().map(|variant| variant.file.clone()));
    }
    named.sort();
    assert_eq!(named, bytes(&root.path().join("public")).into_keys().collect::<Vec<_>>());
    let page = &manifest.entries["/page/"];
    assert_eq!((page.variants.len(), page.language), (3, Some(Language::Fr)));
    assert!(page.csp.as_deref().unwrap().starts_with("default-src 'none'; style-src 'self';"));
    assert_eq!(manifest.redirects["/ancienne/"].to, "/page/");
    assert_eq!(manifest.not_found[&Language::En], "/en/404.html");
    assert!(manifest.entries.contains_key("/.well-known/security.txt"));
    let style = manifest.entries.iter().find(|(path, _)| path.starts_with("/assets/site.")).unwrap();
    assert_eq!(style.1.cache, Cache::Immutable);
    for shell in manifest.shells.values() {
        for mark in [Shell::TITLE, Shell::HEAD, Shell::MAIN] {
            assert_eq!(shell.html.matches(mark).count(), 1, "{mark}");
        }
    }
}

#[test]
fn two_builds_give_the_same_bytes_whatever_the_threads() {
    let mut seen = Vec::new();
    for threads in [1, 4] {
        let root = site(None);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| built(root.path())).unwrap();
        seen.push(bytes(&root.path().join("public")));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn files_no_longer_made_are_gone_and_a_fault_leaves_the_old_site() {
    let root = site(None);
    built(root.path()).unwrap();
    fs::remove_file(root.path().join("content/en/page.md")).unwrap();
    built(root.path()).unwrap();
    assert!(!root.path().join("public/en/page").exists());
    fs::write(root.path().join("content/fr/page.md"), "no front matter").unwrap();
    built(root.path()).unwrap_err();
    assert!(root.path().join("public/page/index.html").exists());
}

#[test]
fn drafts_are_published_only_when_asked() {
    let root = site(None);
    let day = jiff::civil::date(2026, 11, 23);
    let (kind, title, language) = (NewKind::Article, "Un nouvel été", Written::Fr);
    let content = NewContent { kind, title, description: "", folder: None, language, date: day };
    new_content(root.path(), &content).unwrap();
    built(root.path()).unwrap();
    assert!(!root.path().join("public/articles/un-nouvel-ete").exists());
    let mut wanted = options(root.path());
    wanted.drafts = true;
    build(&config(root.path()).unwrap(), &wanted).unwrap();
    assert!(root.path().join("public/articles/un-nouvel-ete/index.html").exists());
}

#[test]
fn translations_are_paired_in_the_sitemap() {
    let root = site(None);
    built(root.path()).unwrap();
    let sitemap = fs::read_to_string(root.path().join("public/sitemap.xml")).unwrap();
    let line = sitemap.lines().find(|line| line.contains("<loc>https://essai.example/page/</loc>")).unwrap();
    assert!(line.contains("hreflang=\"en\" href=\"https://essai.example/en/page/\""), "{line}");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let root = site(None);
    fs::write(root.path().join("file"), "").unwrap();
    let mut wanted = options(root.path());
    wanted.output = root.path().join("file/public");
    let faults = build(&config(root.path()).unwrap(), &wanted).unwrap_err();
    let fault = faults.iter().next().unwrap();
    assert_eq!(fault.code, "output-failed");
    assert!(fault.message.contains("file/"), "{}", fault.message);
}

#[test]
fn check_finds_what_only_finished_pages_show() {
    let root = site(None);
    fs::write(
        root.path().join("content/fr/page.md"),
        "+++\ntitle = \"P\"\n+++\n\n## Fin\n\n[a](/absente/) [b](/page/#rien) [c](/compte/x) [d](/en/) <img src=\"/favicon.svg\">\n\n<p id=\"fin\" style=\"x\">\n",
    )
    .unwrap();
    fs::write(root.path().join("content/fr/seul.csv"), "a\n").unwrap();
    let report = check(&config(root.path()).unwrap(), &options(root.path()));
    let codes: Vec<_> = report.faults.iter().map(|fault| fault.code).collect();
    for code in [
        "link-broken",
        "anchor-broken-alone",
        "image-alt",
        "id-twice",
        "style-attribute",
        "file-unused",
        "description-missing",
    ] {
        assert!(
            codes.contains(&code) || codes.contains(&format!("{code}-alone").as_str()),
            "{code}: {}",
            report.faults
        );
    }
    assert!(!report.faults.iter().any(|fault| fault.message.contains("/compte/")));
    assert!(!root.path().join("public").exists());
}

#[test]
fn a_saved_page_is_told_to_who_watches() {
    let root = site(None);
    let mut watcher = Watcher::new(root.path()).unwrap();
    fs::write(root.path().join("content/fr/page.md"), "+++\ntitle = \"P\"\n+++\n").unwrap();
    assert!(watcher.next().unwrap().iter().any(|path| path.ends_with("content/fr/page.md")));
}

#[test]
fn a_build_with_nothing_to_do_does_nothing_and_any_change_is_seen() {
    let root = site(None);
    fs::write(root.path().join("content/fr/page.md"), "+++\ntitle = \"P\"\n+++\n\n## Fin\n").unwrap();
    let again = || built(root.path()).unwrap().unchanged;
    assert!(!again());
    assert!(again());
    fs::write(root.path().join("content/fr/page.md"), "+++\ntitle = \"Q\"\n+++\n\n## Fin\n").unwrap();
    assert!(!again());
    assert!(again());
    fs::remove_file(root.path().join("public/page/index.html")).unwrap();
    assert!(!again(), "a file of the output is missing");
    assert!(root.path().join("public/page/index.html").exists());
    fs::rename(root.path().join("content/fr/page.md"), root.path().join("content/fr/autre.md")).unwrap();
    fs::write(root.path().join("content/fr/_index.md"), "+++\ntitle = \"A\"\n+++\n").unwrap();
    assert!(!again());
    let mut other = options(root.path());
    other.base_url = Some("https://ailleurs.example".into());
    assert!(
        !build(&config(root.path()).unwrap(), &other).unwrap().unchanged,
        "another address is another site"
    );
    let mut tomorrow = options(root.path());
    tomorrow.today = jiff::civil::date(2026, 11, 24);
    assert!(!build(&config(root.path()).unwrap(), &tomorrow).unwrap().unchanged, "a page may be due");
}
