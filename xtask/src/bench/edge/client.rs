//! The clients: public tools on a processor of their own, and what they tell.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// One kind of load.
pub(super) struct Work {
    pub(super) name: &'static str,
    command: &'static [&'static str],
    path: &'static str,
    /// A field for the gateway, and one for what stands beside it.
    pub(super) ours: Option<String>,
    pub(super) theirs: Option<String>,
}

/// What one round told.
pub(super) struct Measured {
    /// Requests a second.
    pub(super) rate: f64,
    /// Microseconds of the server's processor a request: where the client is the slower of the two, only this
    /// tells servers apart.
    pub(super) cost: f64,
    /// In milliseconds, where the client tells it.
    pub(super) p99: Option<f64>,
}

impl Work {
    pub(super) fn new(name: &'static str, command: &'static [&'static str], path: &'static str) -> Self {
        Self { name, command, path, ours: None, theirs: None }
    }

    pub(super) fn field(self, field: &str) -> Self {
        self.fields(field, field)
    }

    pub(super) fn fields(self, ours: &str, theirs: &str) -> Self {
        Self { ours: Some(ours.into()), theirs: Some(theirs.into()), ..self }
    }

    /// One round.
    pub(super) fn measured(&self, port: u16, server: u32, field: Option<&str>) -> Result<Measured> {
        std::thread::sleep(Duration::from_millis(300));
        let log = tempfile::NamedTempFile::new()?;
        let (before, begun) = (processor_seconds(server)?, Instant::now());
        let told = self.told(port, field, None)?;
        let spent = processor_seconds(server)? - before;
        let rate = rate(&told).with_context(|| format!("{} told no rate:\n{told}", self.command[0]))?;
        let cost = spent / (rate * begun.elapsed().as_secs_f64()) * 1e6;
        let p99 = match self.command[0] {
            "h2load" => {
                // Its log is dear to write: the times are those of a round apart.
                self.told(port, field, log.path().to_str())?;
                late(&std::fs::read_to_string(log.path())?)
            }
            _ => told.lines().find_map(|line| milliseconds(line.trim().strip_prefix("99%")?.trim())),
        };
        Ok(Measured { rate, cost, p99 })
    }

    fn told(&self, port: u16, field: Option<&str>, log: Option<&str>) -> Result<String> {
        let address = match self.command[0] {
            "openssl" => format!("localhost:{port}"),
            _ => format!("https://localhost:{port}{}", self.path),
        };
        let mut client = Command::new("taskset");
        client.args(["-c", "1"]).args(self.command);
        client.args(field.iter().flat_map(|field| ["-H", field]));
        client.args(log.map(|log| format!("--log-file={log}")));
        let output = client.arg(&address).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The entity tag that a server gives a page.
pub(super) fn tag(port: u16, path: &str) -> Result<String> {
    let output = Command::new("curl").args(["-skI", &format!("https://localhost:{port}{path}")]).output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let tag = told.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("etag").then(|| value.trim().to_owned())
    });
    tag.with_context(|| format!("no entity tag of {path}:\n{told}"))
}

/// What a process and its children have used (proc(5), `stat`: parent, then fields 14 and 15).
fn processor_seconds(process: u32) -> Result<f64> {
    const TICKS_A_SECOND: f64 = 100.0;
    let mut ticks = 0.0;
    for entry in std::fs::read_dir("/proc")? {
        // Others may end while they are looked at.
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<f64> =
            rest.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
        let id = name.split(' ').next().and_then(|id| id.parse::<u32>().ok());
        if let [parent, ..] = fields[..]
            && (id == Some(process) || parent == f64::from(process))
        {
            ticks += fields.get(10).unwrap_or(&0.0) + fields.get(11).unwrap_or(&0.0);
        }
    }
    Ok(ticks / TICKS_A_SECOND)
}

/// Requests a second, as the client tells them.
fn rate(told: &str) -> Option<f64> {
    told.lines().find_map(|line| {
        if let Some(rest) = line.strip_prefix("Requests/sec:") {
            return rest.trim().parse().ok();
        }
        if let Some((connections, seconds)) = line.split_once(" connections in ") {
            let seconds = seconds.strip_suffix(" real seconds, 0 bytes read per connection")?;
            return Some(connections.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?);
        }
        let (_, rest) = line.strip_prefix("finished in")?.split_once(", ")?;
        rest.split(' ').next()?.parse().ok()
    })
}

/// The time that one request in a hundred passed, from lines of start, status and microseconds.
fn late(log: &str) -> Option<f64> {
    let mut times: Vec<f64> = log.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).map(|micros| micros / 1e3)
}

/// `1.86ms`, `812.00us`, `1.20s`.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    units.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}
