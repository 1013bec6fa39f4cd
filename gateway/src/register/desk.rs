//! `aops admin register`: the register as a file for other programs.

use std::sync::Arc;

use aops_manifest::Language;
use serde::{Deserialize, Serialize};

use super::{ACTIVITIES, Writing};
use crate::app::App;
use crate::leaflet::PdfError;
use crate::records::RecordError;
use crate::web::{Site, SiteError};

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// CommonMark.
    Markdown,
    /// RFC 4180.
    Csv,
    /// PDF/A-2a.
    Pdf,
}

/// Why there is no register.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The words of the theme.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The store or the keys.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The paper.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// A table that cannot be written.
    #[error("the register as CSV: {0}")]
    Csv(String),
}

/// The register, in French.
///
/// # Errors
/// [`RegisterError`].
pub async fn written(app: &App, form: Form) -> Result<Vec<u8>, RegisterError> {
    let site = site(app)?;
    let writing = Writing::new(app, &site, Language::Fr).await?;
    match form {
        Form::Markdown => Ok(writing.register().markdown().into_bytes()),
        Form::Csv => csv(&writing).map_err(|error| RegisterError::Csv(error.to_string())),
        Form::Pdf => {
            let mut leaflet = writing.register();
            leaflet.sections.push(writing.processors());
            Ok(leaflet.pdf(app, &site, Language::Fr).await?)
        }
    }
}

/// A line an activity.
fn csv(writing: &Writing<'_>) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for (index, activity) in ACTIVITIES.iter().enumerate() {
        let lines = writing.lines(activity);
        if index == 0 {
            let heads = lines.iter().map(|(head, _)| head.as_str());
            table.write_record(
                std::iter::once(writing.word("register.activity_head").as_str()).chain(heads),
            )?;
        }
        let name = writing.name(activity);
        table.write_record(
            std::iter::once(name.as_str()).chain(lines.iter().map(|(_, said)| said.as_str())),
        )?;
    }
    Ok(table.into_inner()?)
}

/// The built site with the theme's words; a command without a gateway reads it.
///
/// # Errors
/// [`SiteError`]: the site was not built.
pub(crate) fn site(app: &App) -> Result<Arc<Site>, SiteError> {
    let site = app.site.load_full();
    if !site.manifest.templates.is_empty() {
        return Ok(site);
    }
    Site::load(&app.settings.public, false).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn the_register_tells_every_activity_in_both_forms() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let of = async |form| String::from_utf8(written(&app, form).await.unwrap()).unwrap();
        let (markdown, csv) = (of(Form::Markdown).await, of(Form::Csv).await);
        for activity in ACTIVITIES {
            let name = format!("register.activity.{}.name", activity.id);
            assert!(markdown.contains(&format!("## {name}")) && csv.contains(&name), "{name}");
        }
        assert!(markdown.contains("DigitalOcean (hébergement, États-Unis, clauses"), "{markdown}");
        assert_eq!(csv.lines().count(), ACTIVITIES.len() + 1);
        assert!(written(&app, Form::Pdf).await.unwrap().starts_with(b"%PDF-1.7"));
    }
}
