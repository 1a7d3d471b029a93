//! Bounds the memory of a call over all its linear memories and tables, and of all calls together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that a table takes for an element.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// The memory that all guests of a host may hold together.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: u64,
    used: AtomicU64,
}

impl MemoryBudget {
    pub(crate) const fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0) }
    }

    /// Bytes held now.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Whether so much is held that nothing should be held for later.
    pub(crate) fn is_scarce(&self) -> bool {
        self.used() > self.limit / 2
    }

    fn take(&self, bytes: u64) -> bool {
        let take = |used: u64| used.checked_add(bytes).filter(|after| *after <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Relaxed);
    }
}

/// Why growing was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The call's own limit.
    Limit,
    /// The host's budget: other calls hold the memory.
    Host,
}

/// The memory of one call. What it holds goes back to the budget when it is dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    used: u64,
    peak: u64,
    refused: Option<Refused>,
    last_growth: u64,
    budget: Arc<MemoryBudget>,
}

impl Memory {
    pub(crate) const fn new(limit: u64, budget: Arc<MemoryBudget>) -> Self {
        Self { limit, used: 0, peak: 0, refused: None, last_growth: 0, budget }
    }

    /// For another call of the same instance, which begins with what is held already.
    #[must_use]
    pub(crate) fn again(mut self, limit: u64) -> Self {
        (self.limit, self.peak, self.refused) = (limit, self.used, None);
        self
    }

    /// Bytes held now.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// The most bytes held at once.
    pub(crate) const fn peak(&self) -> u64 {
        self.peak
    }

    /// Whether growing was ever refused, and by whom the last time.
    pub(crate) const fn refused(&self) -> Option<Refused> {
        self.refused
    }

    fn grow(&mut self, bytes: u64, possible: bool) -> bool {
        self.last_growth = 0;
        let after = self.used.saturating_add(bytes);
        if after > self.limit || !possible {
            self.refused = Some(Refused::Limit);
            return false;
        }
        if !self.budget.take(bytes) {
            self.refused = Some(Refused::Host);
            return false;
        }
        self.used = after;
        self.peak = self.peak.max(after);
        self.last_growth = bytes;
        true
    }

    /// The system did not give what was allowed.
    fn growth_failed(&mut self) {
        self.used -= self.last_growth;
        self.budget.give_back(self.last_growth);
        self.last_growth = 0;
        self.refused = Some(Refused::Host);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.budget.give_back(self.used);
    }
}

impl wasmtime::ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = desired.saturating_sub(current) as u64;
        Ok(self.grow(bytes, maximum.is_none_or(|maximum| desired <= maximum)))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.growth_failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = (desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes, maximum.is_none_or(|maximum| desired <= maximum)))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.growth_failed();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::ResourceLimiter;

    #[test]
    fn the_limit_holds_over_all_memories_and_tables() {
        let budget = Arc::new(MemoryBudget::new(1 << 30));
        let mut memory = Memory::new(200, Arc::clone(&budget));
        let mut grow = |from, to| memory.memory_growing(from, to, None).expect("no error");
        assert!(grow(0, 100) && grow(0, 60));
        assert!(!grow(100, 141));
        assert!(memory.table_growing(0, 5, None).expect("no error"));
        assert!(!memory.table_growing(5, 6, None).expect("no error"));
        assert_eq!((memory.peak(), memory.refused()), (200, Some(Refused::Limit)));
        assert_eq!(budget.used(), 200);
        drop(memory);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn other_calls_hold_the_memory() {
        let budget = Arc::new(MemoryBudget::new(150));
        let mut one = Memory::new(100, Arc::clone(&budget));
        let mut two = Memory::new(100, Arc::clone(&budget));
        assert!(one.memory_growing(0, 100, None).expect("no error"));
        assert!(!two.memory_growing(0, 100, None).expect("no error"));
        assert_eq!(two.refused(), Some(Refused::Host));
    }

    #[test]
    fn what_the_system_does_not_give_is_not_counted() {
        let budget = Arc::new(MemoryBudget::new(1000));
        let mut memory = Memory::new(1000, Arc::clone(&budget));
        assert!(memory.memory_growing(0, 600, None).expect("no error"));
        memory.memory_grow_failed(wasmtime::Error::msg("no memory")).expect("no error");
        assert_eq!((budget.used(), memory.refused()), (0, Some(Refused::Host)));
    }
}
