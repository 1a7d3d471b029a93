//! Chooses which ready task gets the next free slot.
//!
//! Order: higher priority first; within a priority the runs take turns, so that a run of ten
//! thousand tasks does not hold up one of a single task; within a run the task with the higher
//! rank first, then the one that was offered first. A slot belongs to one resource class.
//!
//! Tasks are claimed a little ahead of the slots ([`Slots::claim_ahead`]), so that a slot that
//! falls free never waits for a commit.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use crate::id::RunId;
use crate::plugin::ResourceClass;
use crate::run::TaskIndex;

/// How much may be under way at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Attempts of each class that run at the same time, in the order of [`ResourceClass::ALL`].
    pub per_class: [u32; 4],
    /// Attempts of each class that are claimed beyond the slots.
    pub claim_ahead: u32,
}

/// A ready task that asks for a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskIndex,
    /// The slots it needs.
    pub class: ResourceClass,
    /// How much hangs on it: higher goes first within the run. Not NaN.
    pub rank: f64,
}

/// The offers of all runs, and how many slots are taken. Holds no truth: it is filled again from
/// the runs' states at every start.
#[derive(Debug)]
pub struct Dispatcher {
    slots: Slots,
    classes: [Class; 4],
    runs: HashMap<RunId, Share>,
    offered: u64,
}

/// The offers of one class.
#[derive(Debug, Default)]
struct Class {
    taken: u32,
    /// By priority, highest first, the runs that have an offer and may have one more attempt.
    turns: BTreeMap<Reverse<i32>, VecDeque<RunId>>,
}

/// One run's offers and what it has under way.
#[derive(Debug)]
struct Share {
    priority: i32,
    max_parallel: u32,
    taken: u32,
    heaps: [BinaryHeap<Place>; 4],
    /// Whether the run stands in the turns of the class.
    queued: [bool; 4],
}

/// An offer's place within its run and class.
#[derive(Debug, Clone, Copy)]
struct Place {
    rank: f64,
    order: u64,
    task: TaskIndex,
}

impl Dispatcher {
    /// A dispatcher with nothing offered and every slot free.
    pub fn new(slots: Slots) -> Self {
        Self { slots, classes: Default::default(), runs: HashMap::new(), offered: 0 }
    }

    /// Makes a run known. `max_parallel` bounds its attempts over all classes.
    pub fn admit(&mut self, run: RunId, priority: i32, max_parallel: Option<u32>) {
        self.runs.entry(run).or_insert_with(|| Share {
            priority,
            max_parallel: max_parallel.unwrap_or(u32::MAX).max(1),
            taken: 0,
            heaps: Default::default(),
            queued: [false; 4],
        });
    }

    /// Lets a run's offers go before or after those of others from now on.
    pub fn set_priority(&mut self, run: RunId, priority: i32) {
        let Some(share) = self.runs.get_mut(&run) else { return };
        let before = std::mem::replace(&mut share.priority, priority);
        if before == priority {
            return;
        }
        for class in ResourceClass::ALL {
            let place = class as usize;
            let was_queued = self
                .runs
                .get_mut(&run)
                .is_some_and(|share| std::mem::replace(&mut share.queued[place], false));
            if was_queued && let Some(turns) = self.classes[place].turns.get_mut(&Reverse(before)) {
                turns.retain(|other| *other != run);
                if turns.is_empty() {
                    self.classes[place].turns.remove(&Reverse(before));
                }
            }
            self.enqueue(run, class);
        }
    }

    /// Takes a ready task in. The run must have been admitted; each task is offered once.
    pub fn offer(&mut self, offer: Offer) {
        let Some(share) = self.runs.get_mut(&offer.run) else { return };
        self.offered += 1;
        let place = Place { rank: offer.rank, order: self.offered, task: offer.task };
        share.heaps[offer.class as usize].push(place);
        self.enqueue(offer.run, offer.class);
    }

    /// The next task to claim; its slot is taken until [`Self::release`].
    pub fn take(&mut self) -> Option<Offer> {
        ResourceClass::ALL.into_iter().find_map(|class| self.take_of(class))
    }

    /// Frees the slot of an attempt that came back.
    pub fn release(&mut self, run: RunId, class: ResourceClass) {
        let taken = &mut self.classes[class as usize].taken;
        *taken = taken.saturating_sub(1);
        let Some(share) = self.runs.get_mut(&run) else { return };
        share.taken = share.taken.saturating_sub(1);
        for class in ResourceClass::ALL {
            self.enqueue(run, class);
        }
    }

    /// Forgets what a run offers; what it has under way still occupies its slots.
    pub fn withdraw(&mut self, run: RunId) {
        if let Some(share) = self.runs.get_mut(&run) {
            share.heaps.iter_mut().for_each(BinaryHeap::clear);
        }
    }

    /// Forgets a run that has ended.
    pub fn dismiss(&mut self, run: RunId) {
        self.runs.remove(&run);
    }

    /// How many attempts of a class are claimed or running.
    pub const fn taken(&self, class: ResourceClass) -> u32 {
        self.classes[class as usize].taken
    }

    /// The attempts that a run may have at the same time, if it has that many and so gets no more.
    pub fn used_up(&self, run: RunId) -> Option<u32> {
        let share = self.runs.get(&run)?;
        (share.taken >= share.max_parallel).then_some(share.max_parallel)
    }

    fn take_of(&mut self, class: ResourceClass) -> Option<Offer> {
        let limit = self.slots.per_class[class as usize].saturating_add(self.slots.claim_ahead);
        if self.classes[class as usize].taken >= limit {
            return None;
        }
        loop {
            let run = self.next_turn(class)?;
            let Some(share) = self.runs.get_mut(&run) else { continue };
            share.queued[class as usize] = false;
            if share.taken >= share.max_parallel {
                continue;
            }
            let Some(place) = share.heaps[class as usize].pop() else { continue };
            share.taken += 1;
            self.classes[class as usize].taken += 1;
            self.enqueue(run, class);
            return Some(Offer { run, task: place.task, class, rank: place.rank });
        }
    }

    fn next_turn(&mut self, class: ResourceClass) -> Option<RunId> {
        let mut first = self.classes[class as usize].turns.first_entry()?;
        let run = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        run
    }

    /// Puts a run at the end of its class's turns, if it has something to offer there.
    fn enqueue(&mut self, run: RunId, class: ResourceClass) {
        let Some(share) = self.runs.get_mut(&run) else { return };
        let place = class as usize;
        let may_go = share.taken < share.max_parallel && !share.heaps[place].is_empty();
        if may_go && !std::mem::replace(&mut share.queued[place], true) {
            let turns = &mut self.classes[place].turns;
            turns.entry(Reverse(share.priority)).or_default().push_back(run);
        }
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.total_cmp(&other.rank).then_with(|| other.order.cmp(&self.order))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn run(n: u128) -> RunId {
        RunId::new(Uuid::from_u128(n))
    }

    fn dispatcher(cpu: u32, claim_ahead: u32) -> Dispatcher {
        Dispatcher::new(Slots { per_class: [cpu, 100, 1, 1], claim_ahead })
    }

    fn offer(dispatcher: &mut Dispatcher, run_number: u128, task: usize, rank: f64) {
        let (task, class) = (TaskIndex::new(task), ResourceClass::Cpu);
        dispatcher.offer(Offer { run: run(run_number), task, class, rank });
    }

    /// Takes all it can and names each as `run.task`.
    fn taken(dispatcher: &mut Dispatcher) -> String {
        let mut names = Vec::new();
        while let Some(offer) = dispatcher.take() {
            let number = u128::from_be_bytes(*offer.run.as_bytes());
            names.push(format!("{number}.{}", offer.task.as_usize()));
        }
        names.join(" ")
    }

    #[test]
    fn within_a_run_the_higher_rank_goes_first_then_the_older() {
        let mut dispatcher = dispatcher(10, 0);
        dispatcher.admit(run(1), 0, None);
        for (task, rank) in [(0, 1.0), (1, 3.0), (2, 1.0), (3, 2.0)] {
            offer(&mut dispatcher, 1, task, rank);
        }
        assert_eq!(taken(&mut dispatcher), "1.1 1.3 1.0 1.2");
    }

    #[test]
    fn runs_of_one_priority_take_turns_and_a_higher_one_goes_before() {
        let mut dispatcher = dispatcher(10, 0);
        for (number, priority) in [(1, 0), (2, 0), (3, 5)] {
            dispatcher.admit(run(number), priority, None);
        }
        for task in 0..3 {
            offer(&mut dispatcher, 1, task, 9.0);
        }
        for number in [2, 3] {
            offer(&mut dispatcher, number, 0, 1.0);
            offer(&mut dispatcher, number, 1, 1.0);
        }
        assert_eq!(taken(&mut dispatcher), "3.0 3.1 1.0 2.0 1.1 2.1 1.2");
    }

    #[test]
    fn a_run_whose_priority_changes_takes_its_offers_along() {
        let mut dispatcher = dispatcher(10, 0);
        for number in [1, 2] {
            dispatcher.admit(run(number), 0, None);
            offer(&mut dispatcher, number, 0, 1.0);
            offer(&mut dispatcher, number, 1, 1.0);
        }
        dispatcher.set_priority(run(2), 1);
        dispatcher.set_priority(run(1), -1);
        assert_eq!(taken(&mut dispatcher), "2.0 2.1 1.0 1.1");
    }

    #[test]
    fn slots_and_claims_ahead_are_bounded_by_class() {
        let mut dispatcher = dispatcher(2, 1);
        dispatcher.admit(run(1), 0, None);
        for task in 0..5 {
            offer(&mut dispatcher, 1, task, 1.0);
        }
        let io =
            Offer { run: run(1), task: TaskIndex::new(7), class: ResourceClass::Io, rank: 1.0 };
        dispatcher.offer(io);
        assert_eq!(taken(&mut dispatcher), "1.0 1.1 1.2 1.7");
        dispatcher.release(run(1), ResourceClass::Cpu);
        assert_eq!(taken(&mut dispatcher), "1.3");
    }

    #[test]
    fn a_run_never_exceeds_its_own_parallelism() {
        let mut dispatcher = dispatcher(10, 0);
        dispatcher.admit(run(1), 0, Some(2));
        for task in 0..4 {
            offer(&mut dispatcher, 1, task, 1.0);
        }
        assert_eq!(dispatcher.used_up(run(1)), None);
        assert_eq!(taken(&mut dispatcher), "1.0 1.1");
        assert_eq!(dispatcher.used_up(run(1)), Some(2));
        dispatcher.release(run(1), ResourceClass::Cpu);
        assert_eq!(taken(&mut dispatcher), "1.2");
    }

    #[test]
    fn a_withdrawn_or_dismissed_run_offers_nothing() {
        let mut dispatcher = dispatcher(10, 0);
        for number in [1, 2] {
            dispatcher.admit(run(number), 0, None);
            offer(&mut dispatcher, number, 0, 1.0);
        }
        dispatcher.withdraw(run(1));
        dispatcher.dismiss(run(2));
        assert_eq!(taken(&mut dispatcher), "");
        offer(&mut dispatcher, 1, 3, 1.0);
        assert_eq!(taken(&mut dispatcher), "1.3");
    }
}
