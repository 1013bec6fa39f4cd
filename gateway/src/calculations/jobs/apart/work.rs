//! What one calculation is made of and what comes of it, wherever it is computed.

use std::ops::Range;

use aops_engine::{Partial, Watch, calculate_apart, calculate_part, calculate_watched, cut_lines};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::calculations::faults::Kept;
use crate::calculations::jobs::packed::{Packed, pack};

/// Lines of data in what was asked, in whose place those of a dataset come.
const LINES: [&str; 3] = ["employees", "heads", "triangle"];

/// What is computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::calculations::jobs) struct Work {
    module: String,
    request: Map<String, Value>,
    /// What the owner of the data calls them.
    data: String,
    /// Of a chunk, the rank of its first block; the lines are its own then.
    chunk: Option<usize>,
    /// What chunks computed of these lines.
    computed: Vec<Partial>,
    /// Lines in CSV, for the modules that read them without a tree in between.
    #[serde(skip)]
    pub(super) lines: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::calculations::jobs) enum Answer {
    /// An outcome, with what was asked, as it is kept; of a chunk, what it gives to the whole, told in JSON.
    Outcome(Packed),
    /// What is wrong with what was asked.
    Faults(Vec<Kept>),
    /// What went wrong here.
    Incident(String),
}

impl Work {
    /// What was asked alone.
    pub(in crate::calculations::jobs) fn asked(module: String, request: Map<String, Value>) -> Self {
        Self { module, request, data: String::new(), chunk: None, computed: Vec::new(), lines: None }
    }

    /// With data in the place of lines that were asked.
    #[must_use]
    pub(in crate::calculations::jobs) fn with(
        mut self,
        members: Map<String, Value>,
        lines: Option<String>,
        data: String,
    ) -> Self {
        LINES.iter().for_each(|name| drop(self.request.remove(*name)));
        self.request.extend(members);
        Self { data, lines, ..self }
    }

    /// Some blocks of its lines alone.
    #[must_use]
    pub(in crate::calculations::jobs) fn chunk(mut self, blocks: Range<usize>) -> Self {
        self.chunk = Some(blocks.start);
        self.lines = self.lines.map(|lines| cut_lines(&lines, blocks));
        self
    }

    /// The whole of what was computed in chunks.
    #[must_use]
    pub(in crate::calculations::jobs) fn gathering(self, computed: Vec<Partial>) -> Self {
        Self { computed, ..self }
    }

    /// Computes it.
    pub(in crate::calculations::jobs) fn answer(self, watch: &Watch) -> Answer {
        let Self { module, request, data, chunk, computed, lines } = self;
        let request = Value::Object(request);
        if let Some(first) = chunk {
            let part = calculate_part(&module, &request, lines.unwrap_or_default(), first, watch);
            // What is wrong is found, and told, by the whole.
            let Some(part) = part else { return Answer::Faults(Vec::new()) };
            return match serde_json::to_string(&part) {
                Ok(told) => Answer::Outcome(Packed { told, lines: Vec::new() }),
                Err(error) => Answer::Incident(error.to_string()),
            };
        }
        let digest = aops_report::digest(&request, lines.as_deref());
        let answered = match lines {
            Some(lines) => calculate_apart(&module, &request, lines, &computed, watch)
                .map(|(outcome, list)| (outcome, list, request)),
            None => {
                let request = aops_report::with_working(&request);
                calculate_watched(&module, &request, watch).map(|outcome| (outcome, None, request))
            }
        };
        match answered {
            Ok((outcome, list, request)) => match pack(&request, outcome.into_json(), list, &digest, &data) {
                Ok(packed) => Answer::Outcome(packed),
                Err(why) => Answer::Incident(why),
            },
            Err(faults) => Answer::Faults(faults.0.iter().map(Kept::of).collect()),
        }
    }
}
