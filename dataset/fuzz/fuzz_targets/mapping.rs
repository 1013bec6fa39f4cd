#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aops_dataset_fuzz::mapping(bytes));
