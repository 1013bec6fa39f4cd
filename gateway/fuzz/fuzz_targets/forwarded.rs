#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aops_gateway_fuzz::fuzzing::forwarded(bytes));
