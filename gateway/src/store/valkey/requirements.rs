//! What a server must be for what it acknowledged to be kept.

use redis::RedisError;

use super::fault::{self, Fault};
use crate::store::StoreError;
use crate::valkey::Connection;

/// Refuses a server that would forget what it acknowledged: without an append-only file, or with one that is written
/// to disk a second late while no replica confirms.
pub(super) async fn admit(connection: &Connection, replicas: u32) -> Result<(), Fault> {
    for told in info(connection, "persistence").await.map_err(|error| fault::of(&error))? {
        // While it reads its file it says that it has none.
        if field(&told, "loading") == Some("1") {
            return Err(Fault::Passing(StoreError::Away("the server is reading its file".into())));
        }
        if field(&told, "aof_enabled") != Some("1") {
            return Err(refused("its append-only file is off; set `appendonly yes`"));
        }
    }
    // Who may not read settings cannot tell; `aops doctor` says so.
    let Ok(told) = setting(connection, "appendfsync").await else { return Ok(()) };
    if replicas == 0 && told.iter().any(|told| told != "always") {
        return Err(refused(
            "it answers before its append-only file is on disk; set `appendfsync always`, or [store] replicas",
        ));
    }
    Ok(())
}

/// What is wrong with a server that could be reached, each with what to do about it.
pub(super) async fn faults(
    connection: &Connection,
    replicas: u32,
    encrypted: bool,
) -> Result<Vec<String>, RedisError> {
    let mut faults = Vec::new();
    for told in info(connection, "default").await? {
        let is = |name, value| field(&told, name) == Some(value);
        if is("loading", "1") {
            faults.push("it is reading its file; ask again in a while".to_owned());
        } else if !is("aof_enabled", "1") {
            faults.push("its append-only file is off; set `appendonly yes`".to_owned());
        } else if !is("aof_last_write_status", "ok") || !is("aof_last_bgrewrite_status", "ok") {
            faults.push("its append-only file could not be written; look at its disk and its log".to_owned());
        }
        if !is("maxmemory_policy", "noeviction") {
            let policy = field(&told, "maxmemory_policy").unwrap_or("unknown");
            faults.push(format!(
                "its maxmemory-policy is `{policy}`, which drops documents; set `maxmemory-policy noeviction`"
            ));
        }
        let number = |name| field(&told, name).and_then(|told| told.parse::<u64>().ok());
        if let (Some(used), Some(most @ 1..)) = (number("used_memory"), number("maxmemory"))
            && used > most / 10 * 9
        {
            faults.push(format!("{} of {} MiB of its memory are used; give it more", used >> 20, most >> 20));
        }
        if !is("role", "master") {
            faults.push("it is a replica, which takes no writes; name its primary".to_owned());
        }
        if number("connected_slaves").unwrap_or_default() < u64::from(replicas) {
            faults.push(format!("fewer replicas follow it than the {replicas} of [store] replicas"));
        }
    }
    match setting(connection, "appendfsync").await {
        Ok(told) if replicas == 0 && told.iter().any(|told| told != "always") => {
            faults.push("its append-only file is on disk a second late; set `appendfsync always`".to_owned());
        }
        Ok(_) => {}
        Err(_) => faults.push("our user may not read its settings; allow `+config|get`".to_owned()),
    }
    if encrypted {
        let other = |told: &Vec<String>, wanted: &str| told.iter().any(|told| told != wanted);
        if setting(connection, "tls-auth-clients").await.is_ok_and(|told| other(&told, "yes")) {
            faults.push("it takes clients without a certificate; set `tls-auth-clients yes`".to_owned());
        }
        if setting(connection, "port").await.is_ok_and(|told| other(&told, "0")) {
            faults.push("it listens without TLS as well; set `port 0`".to_owned());
        }
    }
    faults.extend(freedoms(connection).await?);
    Ok(faults)
}

/// What our user may do and should not.
async fn freedoms(connection: &Connection) -> Result<Vec<String>, RedisError> {
    let mut faults = Vec::new();
    // `ACL DRYRUN` would say more, and needs a right that nobody else needs: what is harmless is tried.
    let mut foreign = redis::cmd("EXISTS");
    foreign.arg("aops-doctor:another-prefix");
    if connection.ask::<u64>(&foreign).await.is_ok() {
        faults.push("our user may touch every key; give it one of its own, limited to `~aops:*`".to_owned());
    }
    if connection.ask_primaries::<u64>(redis::cmd("DBSIZE")).await.is_ok() {
        faults.push(
            "our user may run every command; give it those of deploy/valkey/users.acl alone".to_owned(),
        );
    }
    Ok(faults)
}

async fn info(connection: &Connection, section: &str) -> Result<Vec<String>, RedisError> {
    let mut command = redis::cmd("INFO");
    command.arg(section);
    connection.ask_primaries(command).await
}

/// One setting, of each node.
async fn setting(connection: &Connection, name: &str) -> Result<Vec<String>, RedisError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(name);
    let told: Vec<std::collections::HashMap<String, String>> = connection.ask_primaries(command).await?;
    Ok(told.into_iter().map(|mut told| told.remove(name).unwrap_or_default()).collect())
}

fn field<'t>(told: &'t str, name: &str) -> Option<&'t str> {
    told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn refused(why: &str) -> Fault {
    Fault::Lasting(StoreError::Away(format!("the server would lose what it acknowledged: {why}")))
}
