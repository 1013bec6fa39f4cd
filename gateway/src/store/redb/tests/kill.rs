//! A process that writes is killed at random instants: what it was told to be written is there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;

/// Names the folder to whoever is to write until it is killed.
const FOLDER: &str = "AOPS_TEST_KILLED_IN";

/// The body of the process that is killed; without the variable it is no test.
#[tokio::test]
async fn what_is_killed_writes_until_then() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = store(Path::new(&folder));
    let mut last = hold_together(&store, 0, "at the start").await;
    loop {
        last = write_pairs(&store, last, 1).await;
        // Whoever reads this was told.
        println!("told {last}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn a_kill_at_any_instant_loses_nothing_that_was_acknowledged() {
    let kills = if std::env::var_os("AOPS_TEST_SLOW").is_some() { 1_000 } else { 50 };
    let folder = tempfile::tempdir().unwrap();
    let mut told = 0;
    for n in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::redb::tests::kill::what_is_killed_writes_until_then", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (first, begun) = channel();
        let reader = std::thread::spawn(move || {
            let mut last = None;
            for line in lines.map_while(Result::ok) {
                // The first line shares its own with the harness' words.
                let number = line.rsplit_once("told ").and_then(|(_, number)| number.parse::<u64>().ok());
                last = number.or(last);
                if number.is_some() {
                    // Nobody may be waiting.
                    let _ = first.send(());
                }
            }
            last
        });
        // Half of them while the file is being opened and first written, half in the midst of writes.
        if n % 2 == 0 {
            begun.recv().unwrap();
        }
        std::thread::sleep(Duration::from_micros((n * 7_919) % 61 * 1_000 + n % 7 * 143));
        child.kill().unwrap();
        child.wait().unwrap();
        told = reader.join().unwrap().unwrap_or(told).max(told);
        let store = store(folder.path());
        hold_together(&store, told, &format!("kill {n}")).await;
    }
    assert!(told >= kills / 2, "{told} writes were told in {kills} lives");
}
