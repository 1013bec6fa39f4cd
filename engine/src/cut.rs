//! A large portfolio computed in parts that may be far from each other: which requests are worth it, and what a part
//! hands over. What a whole takes from its parts it would compute to the same bytes itself. Not where they are computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calculate::{COMMON, figures_of, find, open};
use crate::call::Call;
use crate::ifc;
use crate::reader::Reader;
use crate::watch::Watch;

/// Lines of a block: parts are whole blocks, and sums are made block by block whatever the parts.
pub const BLOCK: usize = ifc::CHUNK;

/// What some blocks of a portfolio give to its calculation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// The rank of the first block.
    first: usize,
    /// The figures of each as their bits: decimals need not come back as they went.
    blocks: Vec<Vec<u64>>,
}

/// Whether parts of a request spare its whole anything: sensitivities do, where the whole is not busy telling each line.
///
/// ```
/// use serde_json::json;
/// assert!(aops_engine::is_cut("ifc", &json!({ "detail": false })));
/// assert!(!aops_engine::is_cut("ifc", &json!({})));
/// assert!(!aops_engine::is_cut("ifc", &json!({ "detail": false, "sensitivities": false })));
/// assert!(!aops_engine::is_cut("courbe", &json!({ "detail": false })));
/// ```
pub fn is_cut(module: &str, request: &Value) -> bool {
    let refused = |member: &str| request.get(member) == Some(&Value::Bool(false));
    figures_of(module).is_some() && refused("detail") && !refused("sensitivities")
}

/// Computes a part: `lines` are those of its blocks under the header ([`crate::cut_lines`]), `first` the rank of the
/// first of these blocks in the portfolio. `None` where anything is wrong with them or a stop was asked for: the whole
/// finds the faults, with their places.
pub fn calculate_part(
    module: &str,
    request: &Value,
    lines: String,
    first: usize,
    watch: &Watch,
) -> Option<Partial> {
    let (figures, fields) = (figures_of(module)?, find(module)?.fields);
    let mut call = Call::new(watch);
    call.set_lines(lines);
    open(request, &mut call);
    let reader = Reader::with(request, "", fields, COMMON, &call)?;
    let figures = figures(&reader)?;
    call.sound()?;
    let bits = |figures: Vec<f64>| figures.into_iter().map(f64::to_bits).collect();
    Some(Partial { first, blocks: figures.into_iter().map(bits).collect() })
}

/// Figures by the rank of their block.
pub(crate) fn by_block(parts: &[Partial]) -> BTreeMap<usize, Vec<f64>> {
    let figures = |bits: &Vec<u64>| bits.iter().copied().map(f64::from_bits).collect();
    let of = |part: &Partial| {
        let ranks = part.first..;
        ranks.zip(part.blocks.iter().map(figures)).collect::<Vec<_>>()
    };
    parts.iter().flat_map(of).collect()
}
