//! The files of deploy/: what systemd, Prometheus, Grafana and cloud-init read, as far as they can be judged here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{AOPS, Gateway, REPOSITORY};

#[test]
fn units_are_understood_by_systemd_and_leave_the_service_little() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for unit in fs::read_dir(format!("{REPOSITORY}/deploy/systemd")).unwrap() {
        let path = unit.unwrap().path();
        let here = fs::read_to_string(&path).unwrap().replace("/usr/local/bin/aops", AOPS);
        let copy = folder.path().join(path.file_name().unwrap());
        fs::write(&copy, here).unwrap();
        units.push(copy);
    }
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    let ours: Vec<_> = told.lines().filter(|line| line.contains("aops")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{told}");
    // In tenths: 15 stands for an exposure of 1.5, of 10.
    let exposure = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=15", "--no-pager"])
        .arg(folder.path().join("aops.service"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&exposure.stdout);
    assert!(exposure.status.success(), "{}", told.lines().last().unwrap_or_default());
}

#[test]
fn alerts_and_dashboard_ask_for_figures_that_there_are_and_each_alert_is_told_in_the_runbook() {
    let alerts = fs::read_to_string(format!("{REPOSITORY}/deploy/monitoring/alerts.yml")).unwrap();
    let dashboard =
        fs::read_to_string(format!("{REPOSITORY}/deploy/monitoring/grafana-dashboard.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let mut source = String::new();
    gather(Path::new(REPOSITORY).join("gateway/src").as_path(), &mut source);
    let words = |text: &str| -> BTreeSet<String> {
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
        let named = text.split(word).filter(|word| {
            word.ends_with("_total")
                || word.ends_with("_seconds_bucket")
                || word.ends_with("_expiry_seconds")
                || *word == "connections_open"
        });
        named.map(|word| word.trim_end_matches("_bucket").to_owned()).collect()
    };
    let named: BTreeSet<_> = words(&alerts).union(&words(&dashboard)).cloned().collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(source.contains(&format!("!(\"{name}\"")), "no figure is called {name}");
    }
    let runbook = fs::read_to_string(format!("{REPOSITORY}/docs/operations.md")).unwrap();
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(runbook.contains(&format!("`{alert}`")), "the runbook says nothing of {alert}");
    }
}

fn gather(folder: &Path, source: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, source);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// As in the container: nothing but the data volume can be written.
#[tokio::test]
async fn a_root_that_cannot_be_written_serves_its_site_from_the_data_volume() {
    let mut gateway = Gateway::prepare(&[]);
    fs::create_dir(gateway.data()).unwrap();
    let public = gateway.data().join("public");
    gateway.set("AOPS_PUBLIC", public.to_str().unwrap());
    let serve = gateway.command(&["serve"]);
    let log = fs::File::create(gateway.data().join("serve.log")).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c"]).arg(
        "mount --bind \"$0\" \"$0\" && mount --bind \"$0/data\" \"$0/data\" && mount -o remount,bind,ro \"$0\" && \
         exec \"$@\"",
    );
    command.arg(gateway.root()).arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdout(log.try_clone().unwrap()).stderr(log);
    gateway.launch_by(command).await;
    assert_eq!(gateway.get("/").await.status(), 200);
    assert!(public.join("index.html").exists() && !gateway.root().join("public").exists());
    let seen = format!("/proc/{}/root{}/probe", gateway.process_id(), gateway.root().display());
    let kept_out = fs::write(seen, "").unwrap_err();
    assert_eq!(kept_out.kind(), std::io::ErrorKind::ReadOnlyFilesystem, "the root is what it claims to be");
}
