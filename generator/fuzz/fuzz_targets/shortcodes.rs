#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| aops_generator::fuzzing::shortcodes(text));
