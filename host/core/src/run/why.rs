//! Why a task that has not ended is not running: the answer to the first question that people have.

use std::fmt;

use super::{FrameIndex, Question, RunState, TaskIndex, TaskStatus, WaitFor};
use crate::failure::Failure;
use crate::id::{RunId, TaskId};
use crate::time::Timestamp;
use crate::workflow::TaskKind;

/// Why a task has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// What it needs has not ended.
    Needs(Vec<TaskId>),
    /// The run is held.
    Held {
        /// Its time.
        until: Option<Timestamp>,
        /// The concurrency key whose runs leave no room.
        key: Option<String>,
    },
    /// The group it is in is not at work, or has not decided whether it will run.
    NotAtWork(Option<TaskId>),
    /// The host uses it when it is needed: to reduce outputs or to undo a task.
    OnDemand(TaskId),
    /// It is a member, and as many as may be are at work.
    Turn(TaskId),
    /// Nothing new is claimed.
    Paused(String),
    /// It is ready and there is no slot, or its plugin is not there.
    Slot,
    /// An attempt is under way.
    UnderWay {
        /// The attempt's number.
        number: u32,
        /// Whether its handler is known to have been started.
        started: bool,
        /// Whether it was told to stop.
        stops: bool,
    },
    /// Something is computed for it.
    Asked(Question),
    /// Its next attempt has a time.
    Backoff {
        /// The time.
        until: Timestamp,
        /// Why the last attempt did not succeed, if it failed.
        failure: Option<Failure>,
    },
    /// It waits for a time.
    Time(Timestamp),
    /// It waits for a signal.
    Signal {
        /// The signal's name.
        name: String,
        /// The longest wait.
        until: Option<Timestamp>,
    },
    /// It waits for a person.
    Approval {
        /// The longest wait.
        until: Option<Timestamp>,
    },
    /// It waits for a person's choice.
    Choice {
        /// The options, for people.
        options: String,
        /// Why a person is asked.
        reason: String,
        /// The longest wait.
        until: Option<Timestamp>,
    },
    /// It waits for another run.
    Child(RunId),
    /// It is a group at work.
    Members {
        /// Members that have ended.
        ended: usize,
        /// Members in all.
        count: usize,
    },
}

impl RunState {
    /// Why the task at `index` has not ended; `None` when it has.
    pub fn why(&self, index: TaskIndex) -> Option<Why> {
        let task = self.task(index);
        let started = matches!(task.status, TaskStatus::Running { .. });
        Some(match task.status {
            TaskStatus::Ended(_) => return None,
            TaskStatus::Pending | TaskStatus::Due => self.why_pending(index),
            TaskStatus::Asked(Question::ChildInput) if self.paused.is_some() => self.why_ready(),
            TaskStatus::Asked(question) => Why::Asked(question),
            TaskStatus::Ready => self.why_ready(),
            TaskStatus::Claimed { number } | TaskStatus::Running { number } => {
                Why::UnderWay { number, started, stops: self.is_stopped(index) }
            }
            TaskStatus::Backoff { until } => {
                Why::Backoff { until, failure: task.failure().cloned() }
            }
            TaskStatus::Waiting(wait) => self.why_waiting(index, wait),
            TaskStatus::Open => self.why_open(index),
        })
    }

    fn why_held(&self) -> Why {
        let key = self.start.concurrency.as_ref().map(|concurrency| concurrency.key.clone());
        Why::Held { until: self.start.not_before, key }
    }

    fn why_ready(&self) -> Why {
        self.paused.clone().map_or(Why::Slot, Why::Paused)
    }

    fn why_pending(&self, index: TaskIndex) -> Why {
        let task = self.task(index);
        if self.is_held() {
            return self.why_held();
        }
        if task.section.is_none() {
            return self.why_not_at_work(index);
        }
        let needs = self.workflow.graph.dependencies(task.node).iter();
        let open: Vec<TaskId> = needs
            .map(|need| self.task(self.place(task.frame, *need)))
            .filter(|need| need.status.outcome().is_none())
            .map(|need| need.id.clone())
            .collect();
        let owner = self.section_of(index).and_then(|section| section.owner);
        match owner.filter(|_| open.is_empty()) {
            Some(owner) => Why::Turn(self.task(owner).id.clone()),
            None => Why::Needs(open),
        }
    }

    fn why_not_at_work(&self, index: TaskIndex) -> Why {
        let task = self.task(index);
        let Some(parent) = self.workflow.parent(task.node) else { return Why::NotAtWork(None) };
        let owner = self.owner_in(task.frame, parent);
        let id = self.task(owner).id.clone();
        let block = self.workflow.task(task.node).block;
        if self.workflow.task(parent).kind.blocks().contains(&block) {
            Why::NotAtWork(Some(id))
        } else {
            Why::OnDemand(id)
        }
    }

    /// The task at `node` that a task in `frame` is in.
    pub(super) fn owner_in(
        &self,
        frame: FrameIndex,
        node: crate::workflow::NodeIndex,
    ) -> TaskIndex {
        let same = self.frame(frame).body == self.workflow.task(node).body;
        match self.frame(frame).item {
            Some((list, _)) if !same => list,
            _ => self.place(frame, node),
        }
    }

    fn why_waiting(&self, index: TaskIndex, wait: WaitFor) -> Why {
        let name = || self.awaited_signal(index).map(ToString::to_string).unwrap_or_default();
        match (wait, &self.task(index).child) {
            (WaitFor::Child, Some(child)) => Why::Child(child.run),
            // Its event names the run that it waits for.
            (WaitFor::Child, None) => Why::Asked(Question::ChildInput),
            (WaitFor::Time { until }, _) => Why::Time(until),
            (WaitFor::Signal { until }, _) => Why::Signal { name: name(), until },
            (WaitFor::Approval { until }, _) => self.why_asked(index, until),
        }
    }

    fn why_asked(&self, index: TaskIndex, until: Option<Timestamp>) -> Why {
        match &self.definition(index).kind {
            TaskKind::Decision(decision) => {
                let reason = self.asked_because(index).unwrap_or_default().to_owned();
                Why::Choice { options: decision.names(), reason, until }
            }
            _ => Why::Approval { until },
        }
    }

    /// Why a person is asked to decide, if one was.
    pub fn asked_because(&self, index: TaskIndex) -> Option<&str> {
        self.asked_because.get(&index).map(String::as_str)
    }

    fn why_open(&self, index: TaskIndex) -> Why {
        let asked = self.questions_of(index).find(|q| !matches!(q, Question::ItemValue { .. }));
        if let Some(question) = asked {
            return Why::Asked(question);
        }
        let Some(group) = self.task(index).group.as_deref() else { return Why::Slot };
        if group.count > 0 && !group.reduces {
            return Why::Members { ended: group.ended as usize, count: group.count as usize };
        }
        let Some(section) = group.last_section.map(|place| self.section(place)) else {
            return Why::Members { ended: 0, count: 0 };
        };
        let count = self.workflow.block(section.block).tasks.len();
        Why::Members { ended: count - section.open as usize, count }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |f: &mut fmt::Formatter<'_>, until: &Option<Timestamp>| match until {
            Some(until) => write!(f, ", until {until} at the latest"),
            None => Ok(()),
        };
        match self {
            Self::Needs(needs) => {
                let names: Vec<String> = needs.iter().map(|need| format!("`{need}`")).collect();
                write!(f, "needs {}", names.join(", "))
            }
            Self::Held { until, key } => {
                f.write_str("the run is held")?;
                if let Some(until) = until {
                    write!(f, " until {until}")?;
                }
                if let Some(key) = key {
                    write!(f, ", and by its concurrency key `{key}`")?;
                }
                Ok(())
            }
            Self::NotAtWork(Some(group)) => write!(f, "waits until `{group}` puts it to work"),
            Self::NotAtWork(None) => f.write_str("runs at the end of the run"),
            Self::OnDemand(task) => write!(f, "runs only when `{task}` calls for it"),
            Self::Turn(group) => write!(f, "waits for its turn in `{group}`"),
            Self::Paused(reason) => write!(f, "the run is paused: {reason}"),
            Self::Slot => f.write_str("ready, waits for a slot"),
            Self::UnderWay { number, stops: true, .. } => write!(f, "attempt {number} is stopping"),
            Self::UnderWay { number, started: true, .. } => {
                write!(f, "attempt {number} is running")
            }
            Self::UnderWay { number, .. } => write!(f, "attempt {number} is claimed"),
            Self::Asked(question) => write!(f, "{question} is being computed"),
            Self::Backoff { until, failure: Some(failure) } => {
                write!(f, "tried again at {until}, after {}: {}", failure.code, failure.message)
            }
            Self::Backoff { until, failure: None } => write!(f, "tried again at {until}"),
            Self::Time(until) => write!(f, "waits until {until}"),
            Self::Signal { name, until } => {
                write!(f, "waits for signal `{name}`")?;
                within(f, until)
            }
            Self::Approval { until } => {
                f.write_str("waits for approval")?;
                within(f, until)
            }
            Self::Choice { options, reason, until } => {
                write!(f, "waits for somebody to choose {options}")?;
                within(f, until)?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Self::Child(run) => write!(f, "waits for run {run}"),
            Self::Members { ended, count } => {
                write!(f, "{ended} of {count} tasks or items in it have ended")
            }
        }
    }
}
