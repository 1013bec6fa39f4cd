//! What a reader's program finds in a PDF, for tests: poppler's, of Debian's `poppler-utils`.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// The words of a PDF, without spaces.
pub(crate) fn read(pdf: &[u8]) -> String {
    let mut command = Command::new("pdftotext");
    let spawned = command.args(["-raw", "-", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut reader = spawned.expect("pdftotext is there: `cargo xtask test` installs poppler-utils");
    reader.stdin.take().unwrap().write_all(pdf).unwrap();
    bare(&String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap())
}

/// Without spaces, and without the hyphens of ends of lines.
pub(crate) fn bare(text: &str) -> String {
    let text = text.replace("\u{ad}\n", "").replace("-\n", "");
    text.chars().filter(|letter| !letter.is_whitespace() && *letter != '\u{ad}').collect()
}
