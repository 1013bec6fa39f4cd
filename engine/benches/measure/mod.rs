//! What the benchmarks share: medians of wall and processor time, beside the goal and what bounds it.

use std::hint::black_box;
use std::time::Instant;

/// Runs of each work.
pub(crate) const RUNS: usize = 7;

/// Wall time and processor time of all threads, each the median of several runs. On a shared machine the second,
/// divided by the threads, is what the first would be alone.
pub(crate) fn measure(mut work: impl FnMut() -> f64) -> (f64, f64) {
    let (mut wall, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (start, before) = (Instant::now(), on_processor());
        black_box(work());
        wall.push(start.elapsed().as_secs_f64());
        processor.push(on_processor() - before);
    }
    wall.sort_by(f64::total_cmp);
    processor.sort_by(f64::total_cmp);
    (wall[RUNS / 2], processor[RUNS / 2])
}

/// Seconds that the threads of this process ran, from Linux's scheduler; zero elsewhere.
pub(crate) fn on_processor() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let told = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        told.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e9
}

/// Measures, and prints beside the goal and what bounds it.
pub(crate) fn report(name: &str, goal: f64, limit: &str, work: impl FnMut() -> f64) {
    let (wall, processor) = measure(work);
    let goal = if goal > 0.0 { format!(", goal {goal} s") } else { String::new() };
    let alone = processor / rayon::current_num_threads() as f64;
    println!("{name}: {wall:.4} s, {alone:.4} s of each processor{goal} ({limit})");
}

/// Runs a part of a benchmark unless other parts alone were asked for: `cargo bench --bench speed -- lines`.
pub(crate) fn section(name: &str, work: impl FnOnce()) {
    let mut asked = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    if asked.peek().is_none() || asked.any(|argument| argument == name) {
        work();
    }
}
