//! The day of the last commit of each file of the content tree, asked once of git. Without git there is none.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use jiff::civil::Date;

/// By path relative to the root folder: the day of its last commit.
pub(crate) fn last_commits(root: &Path) -> HashMap<String, Date> {
    let log = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "-c",
            "core.quotepath=off",
            "log",
            "--format=%x00%cs",
            "--name-only",
            "--relative",
            "--",
            "content",
        ])
        .output();
    match log {
        Ok(log) if log.status.success() => days(&String::from_utf8_lossy(&log.stdout)),
        _ => HashMap::new(),
    }
}

/// Reads a log whose commits begin with a NUL and their day; the newest commit comes first.
fn days(log: &str) -> HashMap<String, Date> {
    let mut days = HashMap::new();
    for commit in log.split('\0').skip(1) {
        let mut lines = commit.lines();
        let Some(day) = lines.next().and_then(|day| day.parse::<Date>().ok()) else { continue };
        for file in lines.filter(|line| !line.is_empty()) {
            days.entry(file.to_owned()).or_insert(day);
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_last_commit_of_a_file_counts() {
        let days =
            days("\x002026-02-01\n\ncontent/fr/a.md\n\x002026-01-01\n\ncontent/fr/a.md\ncontent/fr/é.md\n");
        assert_eq!(days["content/fr/a.md"], date(2026, 2, 1));
        assert_eq!(days["content/fr/é.md"], date(2026, 1, 1));
    }
}
