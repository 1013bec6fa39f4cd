use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use http::HeaderMap;
use jiff::SignedDuration;
use jiff::civil::Date;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::*;
use crate::app::{App, SharedApp};
use crate::testing;
use crate::working_days;

/// Days that end today.
fn days(app: &App) -> Days {
    let today: Date = working_days::today(app.clock.now());
    Days { from: today.yesterday().unwrap(), to: today }
}

/// A house in which something happened to somebody.
async fn lived(folder: &Path) -> SharedApp {
    let app = testing::shared(folder).await;
    testing::account(&app, "plantee@example.com").await;
    testing::post(&app, "/newsletter", &HeaderMap::new(), "email=lectrice%40example.org").await;
    let form = "droit=rectification&email=demandeuse%40example.org&demande=Nom+Planté";
    testing::post(&app, "/donnees-personnelles", &HeaderMap::new(), form).await;
    app
}

fn files(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let read = |index: usize| {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    };
    (0..ZipArchive::new(File::open(path).unwrap()).unwrap().len()).map(read).collect()
}

/// The same pack with some files otherwise.
fn rewritten(path: &Path, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> PathBuf {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files(path) {
        let Some(bytes) = change(&name, bytes) else { continue };
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    let other = path.with_extension("other.zip");
    std::fs::write(&other, zip.finish().unwrap().into_inner()).unwrap();
    other
}

#[tokio::test]
async fn p_confidentiality_a_pack_tells_of_the_house_and_of_nobody_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = lived(folder.path()).await;
    let path = folder.path().join("dossier.zip");
    write(&app, days(&app), None, &path).await.unwrap();
    let files = files(&path);
    for expected in
        ["index.html", "promesses.html", "journal.jsonl", "composants.cdx.json", MANIFEST, SIGNATURE]
    {
        assert!(files.iter().any(|(name, _)| name == expected), "{expected}");
    }
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for planted in ["plantee", "lectrice", "demandeuse", "Planté", "example.com", "example.org"] {
            // The sender of letters is the house's own.
            let text = text.replace("a@example.com", "");
            assert!(!text.contains(planted), "{planted} in {name}");
        }
    }
    let log = files.iter().find(|(name, _)| name == LOG).unwrap();
    assert!(String::from_utf8_lossy(&log.1).contains("account created"));
}

#[tokio::test]
async fn the_same_state_and_days_give_the_same_bytes_and_what_was_changed_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let app = lived(folder.path()).await;
    let (one, other) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    let days = days(&app);
    write(&app, days, None, &one).await.unwrap();
    drop(app);
    let app = testing::app(folder.path(), SignedDuration::from_mins(3)).await;
    write(&app, days, None, &other).await.unwrap();
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
    let key = public_key(&app).await.unwrap();
    let sound = verify(&one, &key).unwrap();
    assert_eq!(sound.damaged, Vec::<serde_json::Value>::new());
    assert!(sound.entries > 0 && sound.files >= 10, "{sound:?}");
    let damaged = |path: &Path| -> Vec<String> {
        let told = verify(path, &key).unwrap().damaged;
        told.iter().map(|one| one["file"].as_str().unwrap().to_owned()).collect()
    };
    let changed = rewritten(&one, |name, mut bytes| {
        if name == "acces.html" {
            bytes.push(b' ');
        }
        Some(bytes)
    });
    assert_eq!(damaged(&changed), ["acces.html"]);
    let gone = rewritten(&one, |name, bytes| (name != "promesses.html").then_some(bytes));
    assert_eq!(damaged(&gone), ["promesses.html"]);
    let resigned = rewritten(&one, |name, bytes| {
        let text = String::from_utf8_lossy(&bytes).replace("\"from\"", "\"from\" ");
        Some(if name == MANIFEST { text.into_bytes() } else { bytes })
    });
    assert_eq!(damaged(&resigned), [MANIFEST]);
    let others = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(verify(&one, others).unwrap().damaged[0]["file"], MANIFEST);
    assert!(matches!(verify(&one, "x"), Err(EvidenceError::NoKey(_))));
    std::fs::write(&other, b"no archive").unwrap();
    assert!(matches!(verify(&other, &key), Err(EvidenceError::NoPack(..))));
}

#[tokio::test]
async fn days_that_are_not_over_or_the_wrong_way_round_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let path = folder.path().join("dossier.zip");
    let Days { from, to } = days(&app);
    for wrong in [Days { from: to, to: from }, Days { from, to: to.tomorrow().unwrap() }] {
        assert!(matches!(write(&app, wrong, None, &path).await, Err(EvidenceError::Days)));
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn results_of_tests_stand_in_the_pack_and_it_says_plainly_when_they_lack_or_are_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let app = lived(folder.path()).await;
    let promises = async |name: &str, tests: Option<&TestResults>| {
        let path = folder.path().join(name);
        write(&app, days(&app), tests, &path).await.unwrap();
        let files = files(&path);
        let kept = files.iter().any(|(name, _)| name == "tests.json");
        let page = files.into_iter().find(|(name, _)| name == "promesses.html").unwrap().1;
        (kept, String::from_utf8(page).unwrap())
    };
    let (kept, page) = promises("none.zip", None).await;
    assert!(
        !kept && page.contains("dossier.tests_none") && page.contains("dossier.tests_no_result"),
        "{page}"
    );
    let results = |digest: &str| {
        TestResults::read(&super::tested::tests::results(&digest.repeat(64)).to_string()).unwrap()
    };
    let (kept, page) = promises("own.zip", Some(&results("a"))).await;
    assert!(kept && page.contains("dossier.tests_own") && !page.contains("dossier.tests_other"), "{page}");
    for told in ["dossier.tests_fails (p-gpc: a)", "dossier.tests_not_run (p-gpc: b)", "dossier.tests_count"]
    {
        assert!(page.contains(told), "{told} in {page}");
    }
    let (kept, page) = promises("other.zip", Some(&results("b"))).await;
    assert!(kept && page.contains("dossier.tests_other") && !page.contains("dossier.tests_own"), "{page}");
}
