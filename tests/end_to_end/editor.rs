//! The guide of the editor, followed by the command: from an empty folder to a published article.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{AOPS, REPOSITORY};

#[test]
fn the_guide_leads_from_an_empty_folder_to_a_published_article() {
    let root = tempfile::tempdir().unwrap();
    fs::copy(Path::new(REPOSITORY).join("site.toml"), root.path().join("site.toml")).unwrap();
    std::os::unix::fs::symlink(Path::new(REPOSITORY).join("themes"), root.path().join("themes")).unwrap();
    let told = |arguments: &[&str]| {
        let output = aops(root.path(), arguments);
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{error}");
        out
    };
    told(&["new", "section", "Articles", "--description", "Tous les articles."]);
    let path =
        told(&["new", "article", "Le taux d’actualisation", "--description", "Comment il se choisit."]);
    assert!(path.trim().ends_with("content/fr/articles/le-taux-d-actualisation.md"), "{path}");
    let article = root.path().join("content/fr/articles/le-taux-d-actualisation.md");
    let head = fs::read_to_string(&article).unwrap();
    fs::write(&article, format!("{head}## Définition\n\nSoit $v = \\frac{{1}}{{1+i}}$ : \"un\" taux.\n"))
        .unwrap();
    let drafts: Value = serde_json::from_str(&told(&["list", "--drafts", "--json"])).unwrap();
    assert_eq!(drafts[0]["path"], "/articles/le-taux-d-actualisation/");
    told(&["build", "--plain"]);
    assert!(
        !root.path().join("public/articles/le-taux-d-actualisation").exists(),
        "a draft is not published"
    );
    fs::write(&article, fs::read_to_string(&article).unwrap().replace("draft = true\n", "")).unwrap();
    told(&["build", "--timings"]);
    let page =
        fs::read_to_string(root.path().join("public/articles/le-taux-d-actualisation/index.html")).unwrap();
    assert!(page.contains("<mfrac>") && page.contains("«\u{a0}un\u{a0}»"), "{page}");
    assert!(told(&["build"]).contains("unchanged"));
    assert_eq!(text(&aops(root.path(), &["new", "article", "Le taux d’actualisation"]).stdout), "");
    assert_eq!(
        aops(root.path(), &["new", "article"]).status.code(),
        Some(1),
        "nobody can be asked for a title"
    );
}

#[test]
fn faults_are_annotations_of_github_too() {
    let root = tempfile::tempdir().unwrap();
    fs::copy(Path::new(REPOSITORY).join("site.toml"), root.path().join("site.toml")).unwrap();
    std::os::unix::fs::symlink(Path::new(REPOSITORY).join("themes"), root.path().join("themes")).unwrap();
    fs::create_dir_all(root.path().join("content/fr")).unwrap();
    fs::write(root.path().join("content/fr/page.md"), "+++\ntitel = \"x\"\n+++\n").unwrap();
    let output = aops(root.path(), &["check", "--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stdout);
    let line = told.lines().find(|line| line.starts_with("::error")).unwrap();
    assert!(
        line.starts_with("::error file=content/fr/page.md,line=2,col=1,endColumn=6,title=unknown-key::"),
        "{line}"
    );
    assert!(!line.contains('\n') && line.contains("%0A"), "{line}");
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let root = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&aops(root.path(), &["completions", shell]).stdout).contains("import"), "{shell}");
    }
    let manual = text(&aops(root.path(), &["manual"]).stdout);
    for word in [".TH", "build", "check", "list", "serve"] {
        assert!(manual.contains(word), "{word}");
    }
}

fn aops(root: &Path, arguments: &[&str]) -> Output {
    Command::new(AOPS)
        .arg("--root")
        .arg(root)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
