//! Who drives the engine: its own thread, or the thread that brings the only result there is to wait for.
//!
//! A thread that hands a result to another and sleeps, which wakes up, writes and hands the next
//! attempt back, pays for two wake-ups a task; they cost more than the task. So the engine's state lies
//! behind one lock, and a performer that comes back while nothing else is under way takes the lock, handles its
//! result as the engine's thread would, and goes on with the attempt that follows from it, without handing that
//! to a queue that others are woken for. As soon as there is more to do everything goes through the mailbox,
//! where results meet in one commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Mutex, MutexGuard, TryLockError};

use taskloom_core::plugin::ResourceClass;
use taskloom_core::time::Timestamp;

use super::clock::Clock;
use super::perform::Job;
use super::service::{Fatal, Input, Service};

/// The engine's state, and who may change it.
pub(super) struct Desk {
    service: Mutex<Service>,
    sender: Sender<Input>,
    clock: Clock,
    /// Whether the engine's thread wants the lock: then nobody else takes it, since a performer that takes
    /// it again and again would be quicker every time.
    wanted: AtomicBool,
}

impl Desk {
    pub(super) fn new(service: Service) -> Self {
        let (sender, clock) = (service.sender.clone(), service.clock);
        Self { service: Mutex::new(service), sender, clock, wanted: AtomicBool::new(false) }
    }

    /// The engine's thread: serves the mailbox until a shutdown is complete or the store fails; in the
    /// second case says why.
    pub(super) fn serve(&self, mailbox: &Receiver<Input>) -> Result<(), Fatal> {
        let mut first = None;
        loop {
            let alarm = {
                let mut service = self.lock()?;
                service.turn(first.take().into_iter().chain(mailbox.try_iter()));
                if service.is_done() {
                    service.watchers.close();
                    return service.fatal.take().map_or(Ok(()), Err);
                }
                service.alarm = service.timers.next();
                service.alarm
            };
            first = self.wait(mailbox, alarm);
        }
    }

    /// Brings a result to the engine. Whoever brings one and can perform an attempt of `class` is given the one
    /// that follows, if there is one.
    pub(super) fn deliver(&self, input: Input, class: Option<ResourceClass>) -> Option<Box<Job>> {
        let _look = LookAfterPanic(self);
        let Some(mut service) = self.try_lock() else {
            self.send(input);
            return None;
        };
        service.successor.wait_for(class);
        service.turn(std::iter::once(input));
        let is_earlier = |at: Timestamp| service.alarm.is_none_or(|alarm| at < alarm);
        if service.is_done() || service.timers.next().is_some_and(is_earlier) {
            self.send(Input::Look);
        }
        service.successor.take()
    }

    /// Puts something into the mailbox. An engine that is gone has left it to the next start.
    pub(super) fn send(&self, input: Input) {
        let _ = self.sender.send(input);
    }

    /// The next input; `None` when a timer came first.
    fn wait(&self, mailbox: &Receiver<Input>, alarm: Option<Timestamp>) -> Option<Input> {
        match alarm {
            None => mailbox.recv().ok(),
            Some(at) => mailbox.recv_timeout(self.clock.until(at)).ok(),
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Service>, Fatal> {
        self.wanted.store(true, Ordering::Release);
        let service = self.service.lock();
        self.wanted.store(false, Ordering::Release);
        service.map_err(|_| "the engine panicked while it handled a result".to_owned())
    }

    /// The state, if nobody has it or wants it and at most one attempt is under way.
    fn try_lock(&self) -> Option<MutexGuard<'_, Service>> {
        if self.wanted.load(Ordering::Acquire) {
            return None;
        }
        match self.service.try_lock() {
            Ok(service) => service.is_quiet().then_some(service),
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => None,
        }
    }
}

/// Makes the engine's thread look when another one has panicked with the lock: it ends the host.
struct LookAfterPanic<'d>(&'d Desk);

impl Drop for LookAfterPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send(Input::Look);
        }
    }
}
