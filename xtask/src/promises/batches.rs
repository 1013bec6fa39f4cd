//! Which mutations are made at once, so that one build serves them all.

use std::collections::BTreeSet;

use super::mutations::Mutation;
use super::proofs::Proof;

struct Batch<'a> {
    mutations: Vec<&'a Mutation>,
    /// Of all its mutations.
    tests: BTreeSet<&'a str>,
    /// Whether libraries are all that has to be built.
    within: bool,
}

/// Batches of at most so many, in the order of the list: within one, every mutation is in a file of its own and has
/// tests of its own. Those that libraries prove stand apart from those that want the whole program built.
pub(super) fn batches<'a>(
    mutations: &[&'a Mutation],
    proofs: &'a [Proof],
    together: usize,
) -> Vec<Vec<&'a Mutation>> {
    let mut batches: Vec<Batch<'a>> = Vec::new();
    for mutation in mutations {
        let tests: BTreeSet<&str> = mutation.proofs(proofs).map(|proof| proof.name.as_str()).collect();
        let within = mutation.proofs(proofs).all(Proof::is_within);
        let fits = |batch: &&mut Batch<'_>| {
            batch.mutations.len() < together
                && batch.within == within
                && batch.tests.is_disjoint(&tests)
                && batch.mutations.iter().all(|other| other.file != mutation.file)
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => {
                batch.mutations.push(mutation);
                batch.tests.extend(tests);
            }
            None => batches.push(Batch { mutations: vec![mutation], tests, within }),
        }
    }
    batches.into_iter().map(|batch| batch.mutations).collect()
}

#[cfg(test)]
mod tests {
    use super::super::proofs::Kind;
    use super::*;

    fn proof(promise: &str, name: &str, file: &str) -> Proof {
        let promises = [promise.to_owned()].into();
        Proof { kind: Kind::Rust, name: name.into(), file: file.into(), line: 1, promises }
    }

    fn mutation(promise: &str, file: &str) -> Mutation {
        Mutation { promise: promise.into(), file: file.into(), ..Mutation::default() }
    }

    /// The promises of each batch.
    fn made(mutations: &[Mutation], proofs: &[Proof], together: usize) -> Vec<String> {
        let mutations: Vec<&Mutation> = mutations.iter().collect();
        let batches = batches(&mutations, proofs, together);
        let promises = |batch: &Vec<&Mutation>| batch.iter().map(|one| one.promise.as_str()).collect();
        batches.iter().map(promises).collect()
    }

    #[test]
    fn a_batch_has_one_mutation_of_a_file_and_of_a_test_and_no_more_than_may_be_together() {
        let within = "gateway/src/a.rs";
        let proofs = [proof("a", "one", within), proof("b", "two", within), proof("c", "three", within)];
        let apart = ["a", "b", "c"].map(|promise| mutation(promise, promise));
        assert_eq!(made(&apart, &proofs, 3), ["abc"]);
        assert_eq!(made(&apart, &proofs, 2), ["ab", "c"]);
        assert_eq!(made(&apart, &proofs, 1), ["a", "b", "c"]);
        let one_file = [mutation("a", "x"), mutation("b", "x"), mutation("c", "y")];
        assert_eq!(made(&one_file, &proofs, 3), ["ac", "b"]);
        let one_test = [proof("a", "one", within), proof("b", "one", within), proof("c", "three", within)];
        assert_eq!(made(&apart, &one_test, 3), ["ac", "b"]);
    }

    #[test]
    fn what_libraries_prove_waits_for_no_program() {
        let proofs = [
            proof("a", "one", "gateway/src/a.rs"),
            proof("b", "two", "tests/end_to_end/b.rs"),
            proof("c", "three", "gateway/src/c.rs"),
        ];
        let apart = ["a", "b", "c"].map(|promise| mutation(promise, promise));
        assert_eq!(made(&apart, &proofs, 3), ["ac", "b"]);
    }
}
