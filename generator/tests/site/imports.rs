//! Content of other generators: what each small tree of `fixtures/imports` becomes, and that nothing is overwritten.

use std::fmt::Write;
use std::fs;

use aops_generator::{ImportFrom, ImportOptions, ImportPlan, ImportedContents, Language, import};

use crate::support::fixtures;

fn planned(name: &str, folder: &str) -> ImportPlan {
    let options = ImportOptions {
        from: None,
        language: Language::Fr,
        folder: folder.to_owned(),
        taxonomies: vec!["tags".to_owned()],
    };
    import(&fixtures().join("imports").join(name), &options).unwrap()
}

fn shown(plan: &ImportPlan) -> String {
    let mut text = String::new();
    for file in &plan.files {
        let contents = match &file.contents {
            ImportedContents::Text(text) => text.clone(),
            ImportedContents::CopyOf(path) => {
                format!("(copy of {})\n", path.file_name().unwrap().to_string_lossy())
            }
        };
        writeln!(text, "──── {}\n{contents}", file.path).unwrap();
    }
    for note in &plan.not_converted {
        writeln!(text, "{}:{}: {}: {}", note.file, note.line, note.code, note.message).unwrap();
    }
    text
}

#[test]
fn each_tree_becomes_what_its_snapshot_says() {
    for (name, from, folder) in [
        ("hugo", ImportFrom::Hugo, "reprise"),
        ("jekyll", ImportFrom::Jekyll, ""),
        ("zola", ImportFrom::Zola, "reprise"),
    ] {
        let plan = planned(name, folder);
        assert_eq!(plan.from, from);
        insta::assert_snapshot!(format!("import_{name}"), shown(&plan));
    }
}

#[test]
fn a_tree_of_ours_is_brought_over_byte_for_byte() {
    let plan = planned("zola", "");
    let file = plan.files.iter().find(|file| file.path == "content/fr/blog/_index.md").unwrap();
    let given = fs::read_to_string(fixtures().join("imports/zola/content/blog/_index.md")).unwrap();
    assert_eq!(file.contents, ImportedContents::Text(given));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_written_beside() {
    let root = tempfile::tempdir().unwrap();
    let plan = planned("hugo", "reprise");
    let taken = root.path().join("content/fr/reprise/posts/retraite.md");
    fs::create_dir_all(taken.parent().unwrap()).unwrap();
    fs::write(&taken, "mine").unwrap();
    let faults = plan.write(root.path()).unwrap_err();
    let told: Vec<_> = faults.iter().map(|fault| (fault.code, &*fault.file)).collect();
    assert_eq!(told, [("import-exists", "content/fr/reprise/posts/retraite.md")]);
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    assert!(!root.path().join("content/fr/reprise/_index.md").exists());
    fs::remove_file(&taken).unwrap();
    plan.write(root.path()).unwrap();
    for file in &plan.files {
        assert!(root.path().join(&file.path).is_file(), "{}", file.path);
    }
    assert_eq!(plan.write(root.path()).unwrap_err().len(), plan.files.len());
}

#[test]
fn a_folder_without_content_or_a_target_outside_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let refused = |from, folder: &str| {
        let folder = folder.to_owned();
        let options = ImportOptions { from, language: Language::Fr, folder, taxonomies: Vec::new() };
        import(empty.path(), &options).unwrap_err().iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(refused(None, ""), ["import-origin-unknown"]);
    assert_eq!(refused(Some(ImportFrom::Hugo), ""), ["import-empty"]);
    assert_eq!(refused(Some(ImportFrom::Hugo), "../ailleurs"), ["import-folder"]);
}
