//! Which files of the content tree are published as they are, and where. It reads none of them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::assets;
use crate::content::{Kind, Library};
use crate::files;

/// By URL path: the file. Files beside a bundle stand beside its page; beside a section, pictures do.
pub(crate) fn published(library: &Library, others: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let owners: HashMap<&Path, usize> = library
        .documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.kind != Kind::Page)
        .map(|(id, document)| (document.folder.as_path(), id))
        .collect();
    let mut copies = BTreeMap::new();
    for path in others {
        let mut folder = path.parent();
        while let Some(at) = folder {
            if let Some(id) = owners.get(at) {
                let owner = &library.documents[*id];
                let name = files::relative(at, path);
                let picture = assets::content_type(&name).starts_with("image/");
                if owner.kind == Kind::Bundle || (picture && path.parent() == Some(at)) {
                    copies.insert(format!("{}{name}", owner.path), path.clone());
                }
                break;
            }
            folder = at.parent();
        }
    }
    copies
}
