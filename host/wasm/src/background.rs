//! Threads that step back behind everything else that the host does.

/// How far, as a difference in niceness: of a core that others want too, a tenth is left to such a thread;
/// one that nobody else wants, it has whole.
const NICENESS: i32 = 10;

/// How long such a thread computes in one piece when nobody wakes up. A little longer than what others have by default
/// (some 3 ms): Linux, from 6.12 on, goes by whose piece is due first. Not much longer: who wakes up and has had its
/// share waits for the end of a piece. With 100 ms timers were 100 ms late.
#[cfg(target_os = "linux")]
const SLICE_NS: u64 = 5_000_000;

/// Makes this thread step back. Where the system refuses, it is as good as others.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    if linux::step_back() {
        return;
    }
    // On Linux niceness belongs to the thread.
    let thread = rustix::thread::gettid();
    let _ = rustix::process::setpriority_process(Some(thread), NICENESS);
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{NICENESS, SLICE_NS};

    /// Niceness and slice in one, as `sched_setattr(2)` has it; an older system ignores the slice. Gives whether it
    /// was accepted.
    pub(super) fn step_back() -> bool {
        let this_thread: libc::pid_t = 0;
        let no_flags: libc::c_uint = 0;
        let mut attributes = libc::sched_attr {
            size: u32::try_from(size_of::<libc::sched_attr>()).expect("some bytes"),
            sched_policy: u32::try_from(libc::SCHED_OTHER).expect("not negative"),
            sched_flags: 0,
            sched_nice: NICENESS,
            sched_priority: 0,
            sched_runtime: SLICE_NS,
            sched_deadline: 0,
            sched_period: 0,
        };
        // SAFETY: the structure is whole, says its own size, and outlives the call, which changes this thread alone.
        let result = unsafe {
            libc::syscall(libc::SYS_sched_setattr, this_thread, &raw mut attributes, no_flags)
        };
        result == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stepped_back_is_nicer_than_others() {
        let niceness = || {
            let thread = rustix::thread::gettid();
            rustix::process::getpriority_process(Some(thread)).expect("a niceness")
        };
        let before = niceness();
        let after = std::thread::spawn(move || {
            step_back();
            niceness()
        });
        assert_eq!(after.join().expect("no panic"), NICENESS.max(before));
        assert_eq!(niceness(), before, "other threads are as they were");
    }
}
