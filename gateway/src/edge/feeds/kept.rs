//! What was fetched last, beside the store, so that a restart or a feed that is away changes nothing.
//!
//! One file a feed: a line about it, a block a line, and a last line that tells how many, by which a file cut short is
//! known.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::write_private;

/// A list as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) about: About,
    pub(super) blocks: Vec<IpNet>,
}

/// What the server told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// Where it came from.
    pub(super) url: String,
    /// When it was fetched, or last found unchanged.
    pub(super) checked: Option<Timestamp>,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
    /// Blocks left out.
    pub(super) left_out: usize,
}

const MARK: &str = "# aops feed ";
const END: &str = "# end ";

impl Kept {
    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut text = format!("{MARK}{}\n", serde_json::to_string(&self.about)?);
        for block in &self.blocks {
            // Writing to memory cannot fail.
            let _ = writeln!(text, "{block}");
        }
        let _ = writeln!(text, "{END}{}", self.blocks.len());
        write_private(path, text.as_bytes())
    }

    /// What is kept; none when nothing is, an error when what is there is not whole.
    ///
    /// # Errors
    /// What the system says, or why it is not what was written.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is not as it was written");
        let (about, rest) =
            text.strip_prefix(MARK).and_then(|text| text.split_once('\n')).ok_or_else(damaged)?;
        let end = rest.rfind(END).ok_or_else(damaged)?;
        let count = rest[end + END.len()..].strip_suffix('\n').and_then(|count| count.parse::<usize>().ok());
        let blocks: Option<Vec<IpNet>> = rest[..end].lines().map(|line| line.parse().ok()).collect();
        match blocks {
            Some(blocks) if count == Some(blocks.len()) => {
                Ok(Some(Self { about: serde_json::from_str(about)?, blocks }))
            }
            _ => Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_any_part_of_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feeds/drop.list");
        assert_eq!(Kept::read(&path).unwrap(), None);
        let about =
            About { url: "https://a.example/".into(), etag: Some("\"x\"".into()), ..About::default() };
        let blocks = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let kept = Kept { about, blocks };
        kept.write(&path).unwrap();
        assert_eq!(Kept::read(&path).unwrap().as_ref(), Some(&kept));
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(Kept::read(&path).is_err(), "{length} bytes of {}", whole.len());
        }
    }
}
