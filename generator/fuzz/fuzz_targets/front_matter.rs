#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| aops_generator::fuzzing::front_matter(text));
