//! Files and ports, by Landlock; what an older kernel lacks is left out and told.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

use super::{InForce, Reach, SandboxError};

/// What we ask for (Linux 6.12); Landlock itself came with 5.13, ports with 6.7.
const WANTED: ABI = ABI::V6;

/// Binds this thread and those that it starts from now on.
pub(super) fn bound(reach: &Reach) -> Result<InForce, SandboxError> {
    // Metadata and names may always be read: Landlock bounds opening.
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let read = if reach.runs_programs { read | AccessFs::Execute } else { read };
    let write = AccessFs::from_all(WANTED) & !AccessFs::Execute;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        // What is not there needs no rule.
        .add_rules(path_beneath_rules(&reach.reads, read))?
        .add_rules(path_beneath_rules(&reach.writes, write))?;
    for port in &reach.connects {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = rules.restrict_self()?;
    let files = status.ruleset != RulesetStatus::NotEnforced;
    let network = files
        && matches!(status.landlock, LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V4);
    Ok(InForce { files, network, system_calls: false })
}
