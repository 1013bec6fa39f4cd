//! The theme's styles, scripts and static files: bundled, minified, named after their bytes. It writes nothing.

mod scripts;
mod styles;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::digest::short;
use crate::files;

/// A file made from the theme or copied.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Absolute URL path.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether the name bears a digest of the bytes.
    pub(crate) fingerprinted: bool,
}

/// Everything that the theme adds to the site, and the path of each by the name templates use.
pub(crate) fn load(
    root: &Path,
    theme: &Path,
    with_code: bool,
    faults: &mut Diagnostics,
) -> (Vec<Asset>, HashMap<String, String>) {
    let mut assets = Vec::new();
    let mut names = HashMap::new();
    let mut fingerprint = |name: &str, bytes: Vec<u8>| {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let path = format!("/assets/{stem}.{}.{extension}", short(&bytes));
        names.insert(name.to_owned(), path.clone());
        Asset { path, bytes, fingerprinted: true }
    };
    if let Some(css) = styles::bundle(root, &theme.join("styles"), with_code, faults) {
        assets.push(fingerprint("site.css", css.into_bytes()));
    }
    let own_scripts = theme.join("scripts");
    for path in files::walk(root, &own_scripts, faults) {
        match files::text(root, &path).and_then(|source| scripts::minified(&source)) {
            Ok(script) => {
                assets.push(fingerprint(&files::relative(&own_scripts, &path), script.into_bytes()))
            }
            Err(fault) => faults.push(fault),
        }
    }
    let folder = theme.join("static");
    for path in files::walk(root, &folder, faults) {
        match read(root, &path) {
            Ok(bytes) => {
                let name = files::relative(&folder, &path);
                assets.push(Asset { path: format!("/{name}"), bytes, fingerprinted: false });
            }
            Err(fault) => faults.push(fault),
        }
    }
    for asset in assets.iter().filter(|asset| !asset.fingerprinted) {
        names.insert(asset.path[1..].to_owned(), asset.path.clone());
    }
    (assets, names)
}

/// The bytes of a file of the site.
pub(crate) fn read(root: &Path, path: &Path) -> Result<Vec<u8>, Diagnostic> {
    fs::read(path).map_err(|error| files::unreadable(&files::relative(root, path), &error))
}

/// The `Content-Type` of a file by its name.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "csv" => "text/csv; charset=utf-8",
        "txt" | "toml" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "pdf" => "application/pdf",
        "webmanifest" => "application/manifest+json",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}
