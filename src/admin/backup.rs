//! `aops admin backup` and `restore`: the gateway writes under its data folder, where it may; the file is moved from
//! there to where it was asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use aops_gateway::sealing::{MasterKey, Sealer};
use aops_gateway::staff::Command;
use aops_gateway::{Settings, backup};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Subject, answer};

/// Does what was asked, if it is one of the two.
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
        _ => return Ok(None),
    }))
}

async fn write(settings: &Settings, file: &Path) -> Result<Value> {
    if file.exists() {
        bail!("{} exists; a backup is not written over anything", file.display());
    }
    let mut told = answer(settings.clone(), Command::Backup).await?;
    let made = told["path"].as_str().context("the gateway does not say where the backup is")?.to_owned();
    if fs::rename(&made, file).is_err() {
        // Another disk: copied, then removed where it was made.
        fs::copy(&made, file).with_context(|| format!("{} (it stands in {made})", file.display()))?;
        fs::File::open(file)?.sync_all()?;
        fs::remove_file(&made)?;
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
