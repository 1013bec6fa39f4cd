#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| aops_engine_fuzz::ask("mortalite", text));
