//! What the process of one calculation does: it gives up what it does not need, reads what is asked, computes it, says
//! what came of it, and ends.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use aops_engine::Watch;
use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};

use super::Bounds;
use super::fate::UNBOUNDED;
use super::frames::{Said, read_work, say};
use crate::sandbox;

/// Computes what is asked on standard input and answers there; `parent` is the nursery's number.
pub fn calculate(bounds: Bounds, parent: i32) -> ExitCode {
    if let Err(why) = bound(bounds, parent) {
        eprintln!("a calculation's process cannot be bounded: {why}");
        return ExitCode::from(UNBOUNDED);
    }
    match computed() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever asked is gone, or speaks another language.
        Err(error) => {
            eprintln!("a calculation's process was not heard: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Its memory was bounded by the nursery, before its first instruction.
fn bound(bounds: Bounds, parent: i32) -> Result<(), Box<dyn std::error::Error>> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(Pid::as_raw_pid) != Some(parent) {
        return Err("its nursery is gone".into());
    }
    // Where the machine itself runs out of memory, the kernel takes this process before the gateway's.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let time = bounds.processor_seconds;
    // The first ends it by SIGXCPU, which says why.
    setrlimit(Resource::Cpu, Rlimit { current: Some(time), maximum: Some(time.saturating_add(5)) })?;
    sandbox::enclose(bounds.sandbox)?;
    Ok(())
}

fn computed() -> io::Result<()> {
    let mut asked = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let work = read_work(&mut asked)?;
    let saying = Arc::new(Mutex::new(asked));
    let told = Arc::clone(&saying);
    let watch = Watch::telling(move |part| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is gone has no use for it; the nursery ends this process.
        let _ = say(&mut *told, &Said::Progress(part));
    });
    let answer = work.answer(&watch);
    let mut saying = saying.lock().unwrap_or_else(PoisonError::into_inner);
    say(&mut *saying, &Said::Answer(answer))
}
