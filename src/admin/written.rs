//! Answers that are a file: it is on the disk, for this user alone, before anything else is asked.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use aops_gateway::Settings;
use aops_gateway::register::Form;
use aops_gateway::rights::Act;
use aops_gateway::staff::Command;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::rights::RightsAct;
use super::{Subject, answer};

/// Does what was asked, if it is one of those.
pub(super) async fn run(settings: &Settings, subject: &Subject) -> Result<Option<Value>> {
    Ok(Some(match subject {
        Subject::Register { pdf: Some(file), .. } => {
            written(settings, file, Command::Register { form: Form::Pdf }).await?
        }
        Subject::Report { year, file } => {
            written(settings, file, Command::YearlyReport { year: *year }).await?
        }
        Subject::Rights(RightsAct::CarryOut(asked)) => {
            let Some(file) = &asked.hand_over else { return Ok(None) };
            let act = Act::HandOver { id: asked.id.clone(), witness: asked.witness() };
            let mut told = written(settings, file, Command::Rights { act }).await?;
            if asked.erase {
                let act = Act::EraseDirected { id: asked.id.clone(), witness: asked.witness() };
                let file = told["file"].take();
                told = answer(settings.clone(), Command::Rights { act }).await?;
                told["file"] = file;
            }
            told
        }
        _ => return Ok(None),
    }))
}

/// Has the file made and writes it; one that could not be written whole is taken away again.
async fn written(settings: &Settings, file: &Path, command: Command) -> Result<Value> {
    let writing = || format!("writing {}", file.display());
    let mut open =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).with_context(writing)?;
    let made = async {
        let mut told = answer(settings.clone(), command).await?;
        let bytes = told["bytes"].take();
        let bytes = STANDARD.decode(bytes.as_str().context("the gateway answers no file")?)?;
        open.write_all(&bytes).and_then(|()| open.sync_all()).with_context(writing)?;
        if let Some(members) = told.as_object_mut() {
            members.remove("bytes");
            members.insert("file".into(), json!(file));
        }
        Ok(told)
    };
    let made = made.await;
    if made.is_err() {
        // The fault itself is told; an empty file would only hide it.
        let _ = fs::remove_file(file);
    }
    made
}
