//! What a disk, an editor or an import may do to a site.

use std::fs;
use std::os::unix::fs::symlink;

use aops_generator::{build, check};

use crate::support::{built, config, options, site};

fn codes(faults: &aops_generator::Diagnostics) -> Vec<&'static str> {
    faults.iter().map(|fault| fault.code).collect()
}

#[test]
fn a_link_out_of_the_tree_is_refused_and_one_within_is_followed() {
    let root = site(None);
    let secret = tempfile::NamedTempFile::new().unwrap();
    symlink(secret.path(), root.path().join("content/fr/secret.md")).unwrap();
    assert_eq!(codes(&built(root.path()).unwrap_err()), ["symlink-outside"]);
    fs::remove_file(root.path().join("content/fr/secret.md")).unwrap();
    fs::write(root.path().join("shared.md"), "+++\ntitle = \"Partagée\"\n+++\n").unwrap();
    symlink(root.path().join("shared.md"), root.path().join("content/fr/partagee.md")).unwrap();
    built(root.path()).unwrap();
    assert!(root.path().join("public/partagee/index.html").exists());
}

#[test]
fn a_file_that_vanishes_is_named() {
    let root = site(None);
    symlink(root.path().join("gone.md"), root.path().join("content/fr/gone.md")).unwrap();
    let faults = built(root.path()).unwrap_err();
    assert_eq!(codes(&faults), ["input-unreadable"]);
    assert!(faults.to_string().contains("content/fr/gone.md"));
}

#[test]
fn marks_and_line_ends_of_windows_change_nothing() {
    let root = site(None);
    let text = "+++\ntitle = \"Page\"\n+++\n\n## Fin\n\nUn *mot*.\n";
    fs::write(root.path().join("content/fr/page.md"), text).unwrap();
    built(root.path()).unwrap();
    let wanted = fs::read(root.path().join("public/page/index.html")).unwrap();
    let windows = format!("\u{FEFF}{}", text.replace('\n', "\r\n"));
    fs::write(root.path().join("content/fr/page.md"), windows).unwrap();
    built(root.path()).unwrap();
    assert_eq!(fs::read(root.path().join("public/page/index.html")).unwrap(), wanted);
    fs::write(root.path().join("content/fr/page.md"), "\u{FEFF}+++\r\ntitle = \"P\"\r\ntitel = 1\r\n+++\r\n")
        .unwrap();
    let faults = built(root.path()).unwrap_err();
    assert_eq!(faults.iter().map(|f| (f.line, f.column)).collect::<Vec<_>>(), [(3, 1)]);
}

#[test]
fn a_line_of_a_megabyte_is_a_line() {
    let root = site(None);
    let line = "mot ".repeat(262_144);
    fs::write(
        root.path().join("content/fr/page.md"),
        format!("+++\ntitle = \"P\"\n+++\n\n## Fin\n\n{line}\n"),
    )
    .unwrap();
    built(root.path()).unwrap();
    assert!(fs::metadata(root.path().join("public/page/index.html")).unwrap().len() > 1_000_000);
}

#[test]
fn an_output_that_is_full_leaves_the_old_site() {
    let root = site(None);
    let output = tempfile::tempdir().unwrap();
    let size = ["-t", "tmpfs", "-o", "size=32k", "tmpfs"];
    let mounted = std::process::Command::new("mount").args(size).arg(output.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    }
    let mut wanted = options(root.path());
    wanted.output = output.path().join("public");
    fs::create_dir(&wanted.output).unwrap();
    fs::write(wanted.output.join("index.html"), "before").unwrap();
    fs::write(
        root.path().join("content/fr/page.md"),
        format!("+++\ntitle = \"P\"\n+++\n\n## Fin\n\n{}", "x ".repeat(40_000)),
    )
    .unwrap();
    let faults = build(&config(root.path()).unwrap(), &wanted).unwrap_err();
    let left: Vec<_> = fs::read_dir(output.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let before = fs::read_to_string(wanted.output.join("index.html"));
    let unmounted = std::process::Command::new("umount").arg(output.path()).status();
    assert!(codes(&faults).iter().all(|code| *code == "output-failed"), "{faults}");
    assert_eq!((left.len(), before.ok().as_deref()), (1, Some("before")));
    assert!(unmounted.is_ok_and(|status| status.success()));
}

#[test]
fn a_tree_written_for_zola_builds_as_it_is() {
    let root = site(None);
    let folder = root.path().join("content/fr");
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir_all(folder.join("s0/bundle")).unwrap();
    let file = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    file(
        "s0/_index.md",
        "+++\ntitle = \"Section\"\nsort_by = \"date\"\npaginate_by = 1\ninsert_anchor_links = \"right\"\ngenerate_feeds = true\n+++\n",
    );
    file(
        "s0/p1.md",
        "+++\ntitle = \"Page 1\"\ndate = 2024-01-02T10:00:00Z\nin_search_index = true\n[taxonomies]\ntags = [\"rust\", \"web\"]\n[extra]\nauthor = \"x\"\n+++\n\nVoir [deux](@/s0/2024-03-04-p2.md#titre).\n\n<!-- more -->\n\n{{ say(word=\"mot\") }}\n",
    );
    file("s0/2024-03-04-p2.md", "+++\n[taxonomies]\ncategories = [\"essai\"]\n+++\n\n# Deux\n\n## Titre\n");
    file(
        "s0/bundle/index.md",
        "+++\ntitle = \"Avec\"\ndate = \"2024-01-01\"\naliases = [\"vieux/chemin\"]\n+++\n\n[données](d.csv)\n",
    );
    file("s0/bundle/d.csv", "a\n");
    let report = built(root.path()).unwrap();
    assert!(report.warnings.iter().any(|warning| warning.code == "home-implicit"), "{}", report.warnings);
    for name in [
        "index.html",
        "s0/index.html",
        "s0/page/3/index.html",
        "s0/p1/index.html",
        "s0/p2/index.html",
        "s0/bundle/d.csv",
        "tags/rust/index.html",
        "categories/essai/atom.xml",
        "s0/atom.xml",
    ] {
        assert!(root.path().join("public").join(name).exists(), "{name}");
    }
    let page = fs::read_to_string(root.path().join("public/s0/p1/index.html")).unwrap();
    assert!(page.contains("href=\"/s0/p2/#titre\""), "{page}");
    let manifest = fs::read_to_string(root.path().join("public/.manifest.json")).unwrap();
    assert!(manifest.contains("\"/vieux/chemin/\":{\"to\":\"/s0/bundle/\""));
    assert!(!check(&config(root.path()).unwrap(), &options(root.path())).faults.has_errors());
}

#[test]
fn sections_hand_down_and_days_publish_and_withdraw() {
    let root = site(None);
    let file = |name: &str, text: &str| {
        let path = root.path().join("content/fr").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    file(
        "a/_index.md",
        "+++\ntitle = \"A\"\n[cascade]\nnoindex = true\n[cascade.extra]\nlead = \"du haut\"\n+++\n",
    );
    file(
        "a/b/_index.md",
        "+++\ntitle = \"B\"\ntransparent = true\n[cascade.extra]\nlead = \"de près\"\n+++\n",
    );
    file("a/b/c.md", "+++\ntitle = \"C\"\n+++\n");
    file("a/demain.md", "+++\ntitle = \"Demain\"\npublish_at = 2026-11-24\n+++\n");
    file("a/hier.md", "+++\ntitle = \"Hier\"\nexpires_at = 2026-11-23\n+++\n");
    fs::write(
        root.path().join("themes/plain/templates/page.html"),
        "{{ page.extra.lead }} {{ page.noindex }}",
    )
    .unwrap();
    fs::write(
        root.path().join("content/fr/page.md"),
        "+++\ntitle = \"P\"\n[extra]\nlead = \"x\"\n+++\n\n## Fin\n",
    )
    .unwrap();
    fs::write(root.path().join("content/en/page.md"), "+++\ntitle = \"P\"\n[extra]\nlead = \"x\"\n+++\n")
        .unwrap();
    built(root.path()).unwrap();
    let public = root.path().join("public");
    assert_eq!(fs::read_to_string(public.join("a/b/c/index.html")).unwrap(), "de près true");
    assert!(fs::read_to_string(public.join("a/index.html")).unwrap().contains("/a/b/c/"), "transparent");
    assert!(!public.join("a/demain").exists() && !public.join("a/hier").exists());
    assert!(!fs::read_to_string(public.join("sitemap.xml")).unwrap().contains("/a/b/c/"));
}
