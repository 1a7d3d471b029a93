//! The attempt that follows from a result, kept for whoever brought the result.

use taskloom_core::plugin::ResourceClass;

use super::perform::Job;

/// Whether somebody can go on with an attempt, and the attempt.
#[derive(Default)]
pub(super) enum Successor {
    /// Nobody waits for one.
    #[default]
    Unwanted,
    /// One of this class is waited for.
    Wanted(ResourceClass),
    /// One was found.
    Found(Box<Job>),
}

impl Successor {
    /// Somebody waits for an attempt of `class`, if of any.
    pub(super) fn wait_for(&mut self, class: Option<ResourceClass>) {
        *self = class.map_or(Self::Unwanted, Self::Wanted);
    }

    /// Keeps an attempt for whoever waits for one of its class; else gives it back.
    pub(super) fn keep(&mut self, job: Box<Job>) -> Option<Box<Job>> {
        match self {
            Self::Wanted(class) if *class == job.class => {
                *self = Self::Found(job);
                None
            }
            Self::Unwanted | Self::Wanted(_) | Self::Found(_) => Some(job),
        }
    }

    /// The attempt, if one was found. Nobody waits any more.
    pub(super) fn take(&mut self) -> Option<Box<Job>> {
        match std::mem::take(self) {
            Self::Found(job) => Some(job),
            Self::Unwanted | Self::Wanted(_) => None,
        }
    }
}
