//! What an evaluation may cost.
//!
//! The crate `cel` has no step budget. The tree of an expression is rewritten (see `compile`) to
//! call the functions in here, which take what a step is about to cost off the budget of the
//! evaluation that the thread is in. The unit is about one byte of memory made or read.

use std::cell::Cell;

use cel::ExecutionError;
use cel::common::types::{CelBytes, CelInt, CelList, CelMap, CelMapKey, CelOptional, CelString};
use cel::common::types::{DYN_TYPE, INT_TYPE};
use cel::common::value::{CowVal, Val};

/// What one evaluation may cost: about 64 MiB of values read and made, at 8 units for each node of
/// a comprehension's body and round, 32 for each value and 1 for each byte of text.
pub const BUDGET: u64 = 64 * 1024 * 1024;

/// The cost of a value, whatever it holds: what a boxed one takes.
pub(super) const VALUE_COST: u64 = 32;

/// The cost of evaluating one node of a tree.
pub(super) const NODE_COST: u64 = 8;

/// Pays for a round of a comprehension; gives `true`.
pub(super) const ROUND: &str = "@round";
/// Pays for a value that is about to be kept or read again; gives the value.
pub(super) const HELD: &str = "@held";
/// Adds two values after paying for the sum.
pub(super) const SUM: &str = "@sum";

/// The text of the error of an exhausted budget.
const EXHAUSTED: &str = "the expression costs too much: it reads or makes too many values";

thread_local! {
    /// What is left for the evaluation that this thread is in.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Runs `evaluation` with a full budget. `None` stands for an evaluation that exhausted it, even
/// if it came to a result: `||`, `exists` and the like may have swallowed the error.
pub(super) fn with_budget<T>(evaluation: impl FnOnce() -> T) -> Result<T, &'static str> {
    LEFT.set(BUDGET);
    let result = evaluation();
    if LEFT.get() == 0 { Err(EXHAUSTED) } else { Ok(result) }
}

/// Takes `cost` off the budget.
pub(super) fn pay(cost: u64) -> Result<(), ExecutionError> {
    let left = LEFT.get().saturating_sub(cost);
    LEFT.set(left);
    if left == 0 { Err(ExecutionError::function_error("budget", EXHAUSTED)) } else { Ok(()) }
}

/// Declares the functions that rewritten trees call.
pub(super) fn declare(env: &mut cel::Env) -> Result<(), cel::DeclarationError> {
    env.add_overload(ROUND, "taskloom_round", vec![INT_TYPE], round)?;
    env.add_overload(HELD, "taskloom_held", vec![DYN_TYPE], held)?;
    env.add_overload(SUM, "taskloom_sum", vec![DYN_TYPE, DYN_TYPE], sum)
}

fn round<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let nodes = args[0].downcast_ref::<CelInt>().map_or(1, |nodes| *nodes.inner());
    pay(NODE_COST * u64::try_from(nodes).unwrap_or(1))?;
    Ok(CowVal::owned(cel::common::types::CelBool::from(true)))
}

fn held<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    pay(size_of(args[0].as_ref()))?;
    Ok(args.remove(0))
}

fn sum<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (left, right) = (args[0].as_ref(), args[1].as_ref());
    pay(size_of(left) + size_of(right))?;
    let mismatch = || {
        let types = vec![left.get_type().name().to_owned(), right.get_type().name().to_owned()];
        ExecutionError::no_such_overload("_+_", types)
    };
    let total = left.as_adder().ok_or_else(mismatch)?.add(right).map_err(|error| match error {
        overflow @ ExecutionError::Overflow(..) => overflow,
        _ => mismatch(),
    })?;
    Ok(CowVal::Owned(total.into_owned()))
}

/// What a value costs: itself and all it holds.
pub(super) fn size_of(value: &(dyn Val + '_)) -> u64 {
    let inside = if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        text.inner().len() as u64
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().map(|item| size_of(item.as_ref())).sum()
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let key_size = |key: &CelMapKey<'_>| match key {
            CelMapKey::String(text) => VALUE_COST + text.inner().len() as u64,
            _ => VALUE_COST,
        };
        map.inner().iter().map(|(key, item)| key_size(key) + size_of(item.as_ref())).sum()
    } else if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        bytes.inner().len() as u64
    } else if let Some(optional) = value.downcast_ref::<CelOptional<'_>>() {
        optional.option().map_or(0, size_of)
    } else {
        0
    };
    VALUE_COST + inside
}
