//! The page on the state of services says what its data file says, and nothing more.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{AOPS, REPOSITORY, scratch_root};

const NONE: &str = "Aucun incident consigné à ce jour.";

/// The page as built from these incidents.
fn page(incidents: &str) -> String {
    let root = scratch_root();
    let content = root.path().join("content");
    fs::remove_file(&content).unwrap();
    let source = Path::new(REPOSITORY).join("content");
    assert!(Command::new("cp").arg("-r").args([&source, &content]).status().unwrap().success());
    fs::write(content.join("fr/etat-des-services/incidents.json"), incidents).unwrap();
    let output =
        Command::new(AOPS).arg("--root").arg(root.path()).args(["build", "--plain"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read_to_string(root.path().join("public/etat-des-services/index.html")).unwrap()
}

#[test]
fn without_an_incident_on_record_the_page_says_so() {
    assert!(page("[]").contains(NONE));
}

#[test]
fn an_incident_on_record_is_told_with_its_dates() {
    let told = page(
        r#"[{"date": "2026-12-02", "service": "API", "text": "Réponses 503.", "restored": "2026-12-03"},
            {"date": "2026-12-01", "service": "Courriels", "text": "Envois retardés."}]"#,
    );
    assert!(!told.contains(NONE));
    for text in
        ["2 décembre 2026", "Réponses 503.", "Rétabli le 3 décembre 2026.", "Envois retardés.", "En cours."]
    {
        assert!(told.contains(text), "{text}");
    }
}
