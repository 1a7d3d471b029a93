#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (taskloom_fuzz::target("manifest").read)(bytes);
});
