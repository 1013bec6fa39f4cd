//! `aops admin backup`, `restore` and `audit pack`: the gateway writes under its data folder, where it may; the file is moved from
//! there to where it was asked for.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aops_gateway::sealing::{MasterKey, Sealer};
use aops_gateway::staff::Command;
use aops_gateway::{Settings, backup, evidence, files};
use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments::{AuditAct, Pack};
use super::{Subject, answer};

/// Does what was asked, if it is one of the three.
pub(super) async fn run(settings: &Settings, subject: &Subject) -> Result<Option<Value>> {
    Ok(Some(match subject {
        Subject::Backup { file } => write(settings, file).await?,
        Subject::Restore { file, verify: true, .. } => {
            let sealer = Sealer::new(MasterKey::load(settings)?)?;
            serde_json::to_value(backup::verify(&sealer, file)?)?
        }
        Subject::Restore { file, erased, .. } => {
            let erased = erased.as_deref().map(stones).transpose()?.unwrap_or_default();
            serde_json::to_value(backup::restore_place(settings, file, &erased).await?)?
        }
        Subject::Audit(AuditAct::Pack(pack)) => packed(settings, pack).await?,
        _ => return Ok(None),
    }))
}

async fn write(settings: &Settings, file: &Path) -> Result<Value> {
    fetched(settings, file, Command::Backup).await
}

async fn packed(settings: &Settings, pack: &Pack) -> Result<Value> {
    if let Some(file) = &pack.verify {
        let key = match &pack.key {
            Some(key) => key.clone(),
            None => {
                let told = answer(settings.clone(), Command::AuditKey).await?;
                told["key"].as_str().context("the gateway tells no key")?.to_owned()
            }
        };
        return Ok(serde_json::to_value(evidence::verify(file, &key)?)?);
    }
    let (Some(from), Some(to), Some(file)) = (pack.from, pack.to, &pack.file) else {
        bail!("a pack has its first day, its last day and its file");
    };
    let tests = pack
        .tests
        .as_deref()
        .map(|tests| fs::read_to_string(tests).with_context(|| format!("reading {}", tests.display())));
    fetched(settings, file, Command::AuditPack { from, to, tests: tests.transpose()? }).await
}

/// Has a file made, and moves it to where it was asked for.
async fn fetched(settings: &Settings, file: &Path, command: Command) -> Result<Value> {
    if file.exists() {
        bail!("{} exists; nothing is written over", file.display());
    }
    let mut told = answer(settings.clone(), command).await?;
    let made = told["path"].as_str().context("the gateway does not say where the file is")?.to_owned();
    let stands = || format!("{} (it stands in {made})", file.display());
    match files::rename(Path::new(&made), file) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            // Copied under another name, so that half a file never has this one; then removed where it was made.
            let part = file.with_added_extension("part");
            fs::copy(&made, &part)
                .and_then(|_| fs::File::open(&part)?.sync_all())
                .and_then(|()| files::rename(&part, file))
                .with_context(stands)?;
            fs::remove_file(&made)?;
        }
        Err(error) => return Err(error).with_context(stands),
    }
    told["path"] = json!(file);
    Ok(told)
}

/// A line of `aops admin erased list --json`.
#[derive(Deserialize)]
struct Stone {
    erased: String,
}

fn stones(file: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let list: Vec<Stone> = serde_json::from_str(&text)
        .with_context(|| format!("{}: not what `aops admin erased list --json` prints", file.display()))?;
    Ok(list.into_iter().map(|stone| stone.erased).collect())
}
