//! Calls that use up what they have been given.

use std::hint::black_box;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use taskloom_sdk::{Result, task};

/// Any object.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Anything {}

/// An empty object.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Nothing {}

pub(crate) fn spin(_: Anything) -> Result<Nothing> {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns).wrapping_add(1);
    }
}

pub(crate) fn allocate(_: Anything) -> Result<Nothing> {
    loop {
        black_box(vec![1_u8; 1 << 20].leak());
    }
}

/// Instructions that take long at a time and little fuel.
pub(crate) fn fill_forever(_: Anything) -> Result<Nothing> {
    const HALF: usize = 16 << 20;
    let mut block = vec![0_u8; 2 * HALF];
    loop {
        black_box(&mut block).fill(1);
        black_box(&mut block).copy_within(..HALF, HALF);
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Pages {
    /// How many pages of 64 KiB the host granted before it refused.
    granted: u32,
}

pub(crate) fn grow_many(_: Anything) -> Result<Pages> {
    let mut granted = 0;
    while core::arch::wasm32::memory_grow::<0>(1) != usize::MAX {
        granted += 1;
    }
    Ok(Pages { granted })
}

pub(crate) fn recurse(_: Anything) -> Result<Nothing> {
    black_box(deeper(0));
    Ok(Nothing {})
}

#[expect(unconditional_recursion, reason = "that is the point")]
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    deeper(depth + 1) + black_box(frame)[0]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Busy {
    /// For how long.
    ms: u64,
}

pub(crate) fn busy(input: Busy) -> Result<Nothing> {
    let end = task().remaining().saturating_sub(Duration::from_millis(input.ms));
    while task().remaining() > end {
        compute_a_while();
    }
    Ok(Nothing {})
}

/// About a millisecond, so that a loop around it stays far from the limit on host calls.
pub(crate) fn compute_a_while() {
    for turn in 0..500_000_u32 {
        black_box(turn);
    }
}
