//! What the pages must say, and what the generator tells editors, through the command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{AOPS, REPOSITORY, run_with, scratch_root};

#[test]
fn the_repositorys_own_site_has_no_fault() {
    let root = scratch_root();
    let output = aops(root.path(), &["check", "--json"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str::<Value>(&told).unwrap();
}

/// Proves p-identity, p-law-cited, p-dpo, p-dpo-postal, p-cnil-complaint, p-ga-optout, p-subprocessors.
/// Proves p-transfers, p-disable, p-direct-collection, p-purposes, p-terms.
#[test]
fn the_privacy_page_bears_every_promise_once_and_every_fact() {
    let root = scratch_root();
    assert!(aops(root.path(), &["build", "--plain"]).status.success());
    let page = fs::read_to_string(root.path().join("public/confidentialite/index.html")).unwrap();
    let promises = lines("promises.txt");
    assert_eq!(promises.len(), 66);
    for promise in promises {
        let passages = page.matches(&format!("id=\"{promise}\"")).count();
        assert_eq!(passages, 1, "{promise}");
    }
    let text = reading(&page);
    let missing: Vec<String> = lines("facts.txt").into_iter().filter(|fact| !text.contains(fact)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let unlinked: Vec<String> = lines("links.txt").into_iter().filter(|link| !page.contains(link)).collect();
    assert!(unlinked.is_empty(), "{unlinked:?}");
}

#[test]
fn two_builds_give_the_same_bytes() {
    let (one, two) = (scratch_root(), scratch_root());
    for root in [&one, &two] {
        assert!(aops(root.path(), &["build"]).status.success());
    }
    let difference =
        Command::new("diff").arg("-r").args([one.path().join("public"), two.path().join("public")]).output();
    let difference = difference.unwrap();
    assert!(difference.status.success(), "{}", String::from_utf8_lossy(&difference.stdout));
}

#[test]
fn faults_of_a_page_are_all_told_with_their_places_and_the_old_site_stays() {
    let root = scratch_root();
    own_content(root.path());
    assert!(aops(root.path(), &["build", "--plain"]).status.success());
    let page = root.path().join("content/fr/a-propos.md");
    let good = fs::read_to_string(&page).unwrap();
    let faulty = good.replacen("title", "titel", 1);
    fs::write(&page, faulty).unwrap();
    fs::write(
        root.path().join("content/fr/autre.md"),
        "+++\ntitle = \"Autre\"\n+++\n\n[lien](@/offres/icf.md)\n",
    )
    .unwrap();
    let output = aops(root.path(), &["build"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("content/fr/a-propos.md:2:1") && told.contains("titel"), "{told}");
    fs::write(&page, good).unwrap();
    let told = String::from_utf8_lossy(&aops(root.path(), &["build"]).stderr).into_owned();
    assert!(told.contains("content/fr/autre.md:5:") && told.contains("offres/ifc.md"), "{told}");
    assert!(root.path().join("public/a-propos/index.html").exists());
}

#[test]
fn an_unknown_key_of_site_toml_is_told_with_the_nearest_one() {
    let root = scratch_root();
    let path = root.path().join("site.toml");
    let source = fs::read_to_string(&path).unwrap().replacen("base_url", "bas_url", 1);
    fs::write(&path, source).unwrap();
    for command in ["build", "serve", "check"] {
        let output = aops(root.path(), &[command]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.contains("site.toml:") && told.contains("bas_url") && told.contains("base_url"),
            "{told}"
        );
    }
}

#[test]
fn a_new_article_is_written_in_built_as_a_draft_and_never_overwritten() {
    let root = scratch_root();
    own_content(root.path());
    let output = aops(root.path(), &["new", "article", "L’été d’un actuaire"]);
    assert!(output.status.success());
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(path.ends_with("content/fr/articles/l-ete-d-un-actuaire.md"), "{path}");
    assert_eq!(aops(root.path(), &["new", "article", "L’été d’un actuaire"]).status.code(), Some(1));
    let article = root.path().join("public/articles/l-ete-d-un-actuaire/index.html");
    assert!(aops(root.path(), &["build", "--plain"]).status.success());
    assert!(!article.exists());
    assert!(aops(root.path(), &["build", "--plain", "--drafts"]).status.success());
    assert!(article.exists());
}

#[test]
fn links_to_other_sites_are_asked_but_none_inside_the_network() {
    let root = scratch_root();
    fs::remove_file(root.path().join("content")).unwrap();
    fs::create_dir_all(root.path().join("content/fr")).unwrap();
    let page = "+++\ntitle = \"Accueil\"\n+++\n\nVoir [ceci](http://127.0.0.1:9/interne).\n";
    fs::write(root.path().join("content/fr/_index.md"), page).unwrap();
    let told = |arguments: &[&str]| {
        let output = aops(root.path(), arguments);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let faults = told["faults"].as_array().unwrap().clone();
        let external = faults.into_iter().filter(|fault| fault["code"] == "external-unreachable");
        external.map(|fault| (fault["line"].clone(), fault["column"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&["check", "--json", "--external"]), [(Value::from(5), Value::from(13))]);
    assert_eq!(told(&["check", "--json"]), []);
}

#[test]
fn content_of_another_generator_is_brought_over_once_and_never_over_ours() {
    let root = scratch_root();
    own_content(root.path());
    let hugo = format!("{REPOSITORY}/generator/tests/fixtures/imports/hugo");
    let arguments = ["import", &hugo, "--to", "fr", "--into", "reprise", "--json"];
    let output = aops(root.path(), &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    for file in told["files"].as_array().unwrap() {
        assert!(root.path().join(file.as_str().unwrap()).is_file(), "{file}");
    }
    let shortcode = |note: &Value| note["code"] == "import-shortcode" && note["line"] == 22;
    assert!(told["not_converted"].as_array().unwrap().iter().any(shortcode), "{told}");
    let again = aops(root.path(), &arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stdout).contains("import-exists"));
}

fn aops(root: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(AOPS);
    command.arg("--root").arg(root).args(arguments);
    run_with(command, "")
}

/// Replaces the shared content by a copy that may be changed.
fn own_content(root: &Path) {
    fs::remove_file(root.join("content")).unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(format!("{REPOSITORY}/content")).arg(root).status().unwrap();
    assert!(copied.success());
}

fn lines(name: &str) -> Vec<String> {
    let source = fs::read_to_string(format!("{REPOSITORY}/tests/fixtures/policy/{name}")).unwrap();
    source.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}

/// The page as it is read aloud: without tags, with plain spaces and straight apostrophes.
fn reading(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text
        .replace(['\u{a0}', '\u{202f}'], " ")
        .replace('’', "'")
        .replace("&#x27;", "'")
        .replace("&quot;", "\"")
        .replace("&amp;", "&");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace(" .", ".").replace(" ,", ",").replace(" )", ")")
}
