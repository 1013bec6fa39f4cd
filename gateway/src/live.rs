//! What of the configuration may change while the gateway runs, and has no owner of its own; swapped as a whole.

use std::time::Duration;

use crate::config::{GatewayConfig, Refusal};
use crate::edge::blocks::Blocks;

/// In force now.
#[derive(Debug)]
pub struct Live {
    /// How a listed address is refused.
    pub refusal: Refusal,
    /// Who begins with a PROXY protocol header.
    pub balancers: Blocks,
    /// Whose `Forwarded` is believed.
    pub proxies: Blocks,
    /// How long open requests may go on when we stop.
    pub drain: Duration,
}

impl Live {
    /// As configured.
    pub fn new(gateway: &GatewayConfig) -> Self {
        Self {
            refusal: gateway.refusal,
            balancers: gateway.trusted.balancers.iter().copied().collect(),
            proxies: gateway.trusted.proxies.iter().copied().collect(),
            drain: Duration::from_secs(gateway.drain_seconds),
        }
    }
}
