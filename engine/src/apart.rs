//! Lists of results with a line for each line of data. Where these are many, and whoever asks can take them so, they are
//! told as text, block by block on all threads, beside an outcome that has the first of them alone: a tree of all takes
//! ten times the memory of what it tells, and most of the time. Not what is told of a line.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use rayon::prelude::*;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::call::Call;
use crate::cut::BLOCK;
use crate::numeric::in_chunks;

/// Lines that an outcome has of a list that stands apart from it.
pub const FIRST: usize = 40;

/// Room for the text of a line, in bytes.
const ROOM: usize = 512;

/// What an outcome tells of a list that stands apart from it, beside its first [`FIRST`] lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Apart {
    /// The member of the outcome whose list it is.
    pub member: String,
    /// Lines of the whole list.
    pub count: usize,
    /// How each figure of the lines is spread, by its name.
    pub spread: BTreeMap<String, Spread>,
}

/// How a figure is spread, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The mean.
    pub mean: f64,
    /// The most.
    pub most: f64,
}

/// A list that stands apart from its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct LongList {
    /// What the outcome tells of it.
    pub apart: Apart,
    /// JSON, the same as the tree would give: an array, each object on a line of its own with the same plain members.
    /// Blocks end to end are the whole.
    pub text: Vec<Vec<u8>>,
}

/// A member of a line, from the line's identifier or from what was computed for it.
#[derive(Debug)]
pub(crate) enum Member<T> {
    Id,
    Day(fn(&T) -> Date),
    Figure(fn(&T) -> f64),
}

/// A line to be told; its members stand in the order of their names, as in a tree.
struct Line<'l, T> {
    id: &'l str,
    one: &'l T,
    members: &'l [(&'static str, Member<T>)],
}

/// The list `name` of the results, a line for each of `all`: a tree of them; or of the first, where the text of all is
/// handed over to `call`. A null where a figure is not finite, as JSON has it. `None` when a stop was asked for.
pub(crate) fn told<'i, T: Sync>(
    call: &Call<'_>,
    name: &str,
    all: &[T],
    id: impl Fn(usize) -> &'i str + Sync,
    members: &[(&'static str, Member<T>)],
) -> Option<Value> {
    let line = |index: usize| Line { id: id(index), one: &all[index], members };
    let tree = |count: usize| (0..count).map(|index| json!(line(index))).collect();
    if !call.takes_apart() || all.len() <= BLOCK {
        return Some(tree(all.len()));
    }
    let text = in_chunks(all.len(), BLOCK, call.watch(), |range| block(range, all.len(), line))?;
    let Some(text) = text.into_iter().collect() else { return Some(Value::Null) };
    let spread = members.par_iter().filter_map(|(name, member)| match member {
        Member::Figure(of) => Some(((*name).to_owned(), Spread::of(all.iter().map(of)))),
        _ => None,
    });
    let apart = Apart { member: name.to_owned(), count: all.len(), spread: spread.collect() };
    call.set_apart(LongList { apart, text });
    Some(tree(FIRST))
}

/// The text of some lines, with what stands between them and around all; nothing where a figure is not finite.
fn block<'l, T: 'l>(
    range: Range<usize>,
    count: usize,
    line: impl Fn(usize) -> Line<'l, T>,
) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(range.len() * ROOM);
    let last = range.end == count;
    for index in range {
        text.extend_from_slice(if index == 0 { b"[\n" } else { b",\n" });
        let line = line(index);
        if !line.is_finite() {
            return None;
        }
        serde_json::to_writer(&mut text, &line).ok()?;
    }
    if last {
        text.extend_from_slice(b"\n]");
    }
    Some(text)
}

impl<T> Line<'_, T> {
    fn is_finite(&self) -> bool {
        self.members.iter().all(|(_, member)| match member {
            Member::Figure(of) => of(self.one).is_finite(),
            _ => true,
        })
    }
}

impl<T> Serialize for Line<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(Some(self.members.len()))?;
        for (name, member) in self.members {
            match member {
                Member::Id => line.serialize_entry(name, self.id)?,
                Member::Day(of) => line.serialize_entry(name, &format_args!("{}", of(self.one)))?,
                Member::Figure(of) => line.serialize_entry(name, &of(self.one))?,
            }
        }
        line.end()
    }
}

impl Spread {
    /// Of at least one figure.
    fn of(figures: impl ExactSizeIterator<Item = f64>) -> Self {
        let count = figures.len() as f64;
        let start = (f64::INFINITY, 0.0, f64::NEG_INFINITY);
        let (least, sum, most) = figures.fold(start, |(least, sum, most), figure| {
            (f64::min(least, figure), sum + figure, f64::max(most, figure))
        });
        Self { least, mean: sum / count, most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Watch;

    const MEMBERS: [(&str, Member<f64>); 3] = [
        ("dbo", Member::Figure(|one| *one)),
        ("exit", Member::Day(|_| Date::constant(2036, 5, 1))),
        ("id", Member::Id),
    ];

    fn list(all: &[f64], apart: bool) -> (Value, Option<LongList>) {
        let watch = Watch::default();
        let mut call = Call::new(&watch);
        call.take_apart(apart);
        let told = told(&call, "employees", all, |_| "E \"1\"", &MEMBERS).unwrap();
        (told, call.into_apart())
    }

    #[test]
    fn a_list_apart_is_the_tree_as_text_with_an_object_a_line() {
        let all: Vec<f64> = (0..BLOCK * 2 + 7).map(|n| n as f64 / 7.0).collect();
        let (tree, none) = list(&all, false);
        assert_eq!(none, None);
        let (first, found) = list(&all, true);
        let LongList { apart, text } = found.unwrap();
        let text = String::from_utf8(text.concat()).unwrap();
        let told: String = text.lines().collect();
        assert!(told == tree.to_string(), "the text is another than the tree's");
        assert_eq!(text.lines().count(), all.len() + 2);
        assert_eq!(first.as_array().unwrap()[..], tree.as_array().unwrap()[..FIRST]);
        assert_eq!((apart.member.as_str(), apart.count), ("employees", all.len()));
        let spread = apart.spread["dbo"];
        assert_eq!((spread.least, spread.most), (0.0, all[all.len() - 1]));
        assert!((spread.mean - spread.most / 2.0).abs() < 1e-9);
        assert_eq!(apart.spread.len(), 1);
    }

    #[test]
    fn a_list_of_no_more_than_a_block_stays_where_it_is_and_no_figure_is_lost_that_is_not_finite() {
        let (tree, apart) = list(&[1.5; BLOCK], true);
        assert_eq!((tree.as_array().unwrap().len(), apart), (BLOCK, None));
        let mut all = vec![1.5; BLOCK + 1];
        all[BLOCK] = f64::NAN;
        assert_eq!(list(&all, true), (Value::Null, None));
    }
}
