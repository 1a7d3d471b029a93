//! Workflows from one line, so that a test costs a line.
//!
//! ```text
//! a; b<-a ?; route<-b branch { x } { y; z<-y }; all parallel quorum=2 max=1 { p; q; r }
//!    | continue retries=2 timeout=60 output publish finally=5
//! ```
//!
//! Of retries the options say `backoff=`, `jitter=`, `elapsed=<s>`, `retry_on=` and `never_retry_on=`.
//!
//! A task is its id, what it needs, and words: a kind (`branch`, `switch`, `default`, `group`,
//! `parallel`, `each`, `wait=<s>`, `until`, `signal=<name>`, `approval`, `decision`, `child`), `?` for a
//! `run_if`, `!` for `allow_failure`, `undo` for a compensation, merges (`first`, `any`, `object`,
//! `deep`, `deep=<conflicts>`, `quorum=<n>`, `reduce`), `max=<n>`, times (`queue=<s>`, `total=<s>`,
//! `heartbeat=<s>`, `within=<s>` with `skips` or `passes` or `rejects`), `lenient`, `detached`, of a
//! decision between `low` and `high` what recommends (`by=<task>`, `ai`, else a rule), `sure` for a least
//! confidence of 0.5 and `asks` for a person as its fallback instead of `low`, `sets=<name>` (in the context, to an object
//! of its id) and `returns` (the context of its run). Blocks stand in braces; `finally`
//! is the workflow's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use taskloom_core::context::ContextMerge;
use taskloom_core::expression::{Expression, Template};
use taskloom_core::id::{ContextName, Digest, OptionId, TaskId, TaskType, WorkflowId};
use taskloom_core::retry::{Backoff, Jitter, RetryPolicy};
use taskloom_core::workflow::{
    Approval, Block, BlockIndex, BodyIndex, Case, ChildWorkflow, Conflicts, Decision,
    DecisionOption, Fallback, Graph, Members, Merge, NodeIndex, OnDeadline, OnFailure, OnTimeout,
    Parts, Recommend, RunConfig, Sharing, Task, TaskKind, Timeouts, Wait, WaitUntil, Workflow,
};

/// A workflow from a line.
pub fn workflow(spec: &str) -> Arc<Workflow> {
    let (tasks, options) = spec.split_once('|').unwrap_or((spec, ""));
    let options = Words(options.split_whitespace().collect());
    let mut builder = Builder { retry: retry(&options), ..Builder::default() };
    let root = builder.block(None);
    builder.list(&mut tasks.trim(), root);
    let on_failure = if options.has("continue") { OnFailure::Continue } else { OnFailure::Stop };
    let finally_timeout = options.seconds("finally").unwrap_or(RunConfig::FINALLY_TIMEOUT);
    let config = RunConfig {
        timeout: options.seconds("timeout"),
        on_failure,
        finally_timeout,
        context_merge: match options.value("merge") {
            Some("first") => ContextMerge::First,
            Some("deep") => ContextMerge::Deep,
            Some("fail") => ContextMerge::Fail,
            _ => ContextMerge::Last,
        },
        sharing: if options.has("publish") { sharing() } else { Sharing::default() },
        ..RunConfig::default()
    };
    Arc::new(Workflow::assemble(Parts {
        id: WorkflowId::new("test").expect("valid"),
        name: "test".to_owned(),
        description: String::new(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(spec.as_bytes()),
        enabled: true,
        input_schema: Value::Bool(true),
        config,
        tasks: builder.tasks,
        blocks: builder.blocks,
        graph: Graph::new(builder.needs).expect("no cycle"),
        finally: builder.finally,
        output: options.has("output").then(|| Template::constant(Value::Null)),
    }))
}

fn retry(options: &Words) -> RetryPolicy {
    let codes = |name: &str| options.value(name).map(str::to_owned).into_iter().collect();
    RetryPolicy {
        max_attempts: options.number("retries").map_or(1, |n| n as u32 + 1),
        backoff: match options.value("backoff") {
            Some("fixed") => Backoff::Fixed,
            Some("linear") => Backoff::Linear,
            _ => Backoff::Exponential,
        },
        initial: Duration::from_secs(10),
        max: Duration::from_secs(60),
        jitter: match options.value("jitter") {
            Some("equal") => Jitter::Equal,
            Some("full") => Jitter::Full,
            _ => Jitter::None,
        },
        max_elapsed: options.seconds("elapsed"),
        retry_on: codes("retry_on"),
        never_retry_on: codes("never_retry_on"),
    }
}

/// One shared context is read, another one is set.
fn sharing() -> Sharing {
    let name = |text: &str| text.parse::<ContextName>().expect("a name");
    Sharing {
        reads: vec![name("read")],
        publishes: vec![(name("set"), Template::constant(json!({ "n": 1 })))],
        ..Sharing::default()
    }
}

/// The words after a task's id, or after the tasks.
struct Words<'s>(Vec<&'s str>);

impl<'s> Words<'s> {
    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    fn value(&self, name: &str) -> Option<&'s str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.value(name).map(|value| value.parse().expect("a number"))
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        self.number(name).map(Duration::from_secs)
    }
}

#[derive(Default)]
struct Builder {
    retry: RetryPolicy,
    tasks: Vec<Task>,
    needs: Vec<Vec<NodeIndex>>,
    blocks: Vec<Block>,
    finally: Option<BlockIndex>,
}

impl Builder {
    fn block(&mut self, owner: Option<NodeIndex>) -> BlockIndex {
        self.blocks.push(Block { owner, tasks: Vec::new(), output: None });
        BlockIndex(self.blocks.len() as u32 - 1)
    }

    /// Reads tasks up to the end of their block.
    fn list(&mut self, rest: &mut &str, block: BlockIndex) {
        let mut names: BTreeMap<&str, NodeIndex> = BTreeMap::new();
        let mut needed: Vec<(NodeIndex, Vec<&str>)> = Vec::new();
        loop {
            *rest = rest.trim_start_matches([' ', ';']);
            if rest.is_empty() || rest.starts_with('}') {
                *rest = rest.strip_prefix('}').unwrap_or(rest);
                break;
            }
            let end = rest.find([';', '{', '}']).unwrap_or(rest.len());
            let mut words: Vec<&str> = rest[..end].split_whitespace().collect();
            *rest = &rest[end..];
            let head = words.remove(0);
            let (id, needs) = head.split_once("<-").unwrap_or((head, ""));
            if id == "finally" {
                let finally = self.block(None);
                self.finally = Some(finally);
                self.braces(rest, finally);
                continue;
            }
            let node = self.task(id, block, &Words(words), rest);
            names.insert(id, node);
            needed.push((node, needs.split(',').filter(|need| !need.is_empty()).collect()));
        }
        for (node, needs) in needed {
            self.needs[node.as_usize()] = needs.iter().map(|need| names[need]).collect();
        }
    }

    fn braces(&mut self, rest: &mut &str, block: BlockIndex) {
        *rest = rest.trim_start().strip_prefix('{').expect("a block");
        self.list(rest, block);
    }

    /// The blocks that follow, in braces.
    fn braced(&mut self, rest: &mut &str, owner: NodeIndex) -> Vec<BlockIndex> {
        let mut blocks = Vec::new();
        while rest.trim_start().starts_with('{') {
            let block = self.block(Some(owner));
            self.braces(rest, block);
            blocks.push(block);
        }
        blocks
    }

    fn add(&mut self, id: &str, block: BlockIndex) -> NodeIndex {
        let node = NodeIndex::new(self.tasks.len());
        let id = TaskId::new(id).expect("valid");
        let kind = TaskKind::Call(TaskType::new("test.run").expect("valid"));
        let task = Task { block, ..Task::new(id, kind, Template::constant(Value::Null)) };
        self.tasks.push(Task { retry: self.retry.clone(), ..task });
        self.needs.push(Vec::new());
        self.blocks[block.0 as usize].tasks.push(node);
        node
    }

    /// A task that the host makes, in a block of its own.
    fn host_task(&mut self, id: &str, owner: NodeIndex) -> NodeIndex {
        let block = self.block(Some(owner));
        self.add(id, block)
    }

    fn task(&mut self, id: &str, block: BlockIndex, words: &Words, rest: &mut &str) -> NodeIndex {
        let node = self.add(id, block);
        let blocks = self.braced(rest, node);
        let kind = self.kind(id, node, words, &blocks);
        let compensation =
            words.has("undo").then(|| self.host_task(&format!("{id}.compensate"), node));
        let task = &mut self.tasks[node.as_usize()];
        task.compensation = compensation;
        task.run_if = words.has("?").then(truth);
        task.allow_failure = words.has("!");
        let value = |name: &str| Template::constant(json!({ name: { id: 1, "by": id } }));
        task.set = words.value("sets").map(value);
        let (queue, total) = (words.seconds("queue"), words.seconds("total"));
        task.timeouts = Timeouts { queue, total, heartbeat: words.seconds("heartbeat") };
        if let Some(kind) = kind {
            task.kind = kind;
        }
        node
    }

    fn kind(
        &mut self,
        id: &str,
        node: NodeIndex,
        words: &Words,
        blocks: &[BlockIndex],
    ) -> Option<TaskKind> {
        let word = words.0.iter().map(|word| word.split('=').next().expect("a word"));
        let kind = word.filter_map(|word| match word {
            "branch" => {
                let (then, otherwise) = (blocks[0], blocks.get(1).copied());
                Some(TaskKind::Branch { condition: truth(), then, otherwise })
            }
            "switch" => Some(switch(words, blocks)),
            "group" => Some(TaskKind::Group { block: blocks[0] }),
            "parallel" | "each" => {
                let members = match word {
                    "each" => {
                        let (block, body) = (blocks[0], BodyIndex::ROOT);
                        Members::Items { items: truth(), block, body }
                    }
                    _ => Members::Tasks(blocks[0]),
                };
                let max_parallel = words.number("max").map(|most| most as u32);
                let merge = self.merge(id, node, words);
                Some(TaskKind::Parallel { members, max_parallel, merge })
            }
            "wait" | "until" | "signal" => Some(wait(word, words)),
            "approval" => Some(approval(words)),
            "decision" => Some(decision(words)),
            "child" => Some(TaskKind::Workflow(ChildWorkflow {
                workflow: WorkflowId::new("other").expect("valid"),
                detached: words.has("detached"),
                returns_context: words.has("returns"),
            })),
            _ => None,
        });
        kind.collect::<Vec<_>>().into_iter().next()
    }

    fn merge(&mut self, id: &str, node: NodeIndex, words: &Words) -> Merge {
        if words.has("reduce") {
            return Merge::Reduce { task: self.host_task(&format!("{id}.reduce"), node) };
        }
        if let Some(count) = words.number("quorum") {
            return Merge::Quorum { count: count as u32 };
        }
        if let Some(conflicts) = words.value("deep") {
            let conflicts = match conflicts {
                "first" => Conflicts::First,
                "fail" => Conflicts::Fail,
                _ => Conflicts::Last,
            };
            return Merge::Deep { conflicts };
        }
        let merges = [
            ("first", Merge::First),
            ("any", Merge::Any),
            ("object", Merge::Object),
            ("deep", Merge::Deep { conflicts: Conflicts::Last }),
        ];
        let merge = merges.into_iter().find(|(name, _)| words.has(name));
        merge.map_or(Merge::Array, |(_, merge)| merge)
    }
}

fn truth() -> Expression {
    Expression::parse("true").expect("CEL")
}

fn switch(words: &Words, blocks: &[BlockIndex]) -> TaskKind {
    let (cases, default) = match blocks.split_last() {
        Some((last, cases)) if words.has("default") => (cases, Some(*last)),
        _ => (blocks, None),
    };
    let case = |(n, block): (usize, &BlockIndex)| Case::new(&n.into(), *block);
    TaskKind::Switch { on: truth(), cases: cases.iter().enumerate().map(case).collect(), default }
}

fn wait(word: &str, words: &Words) -> TaskKind {
    let until = match word {
        "wait" => WaitUntil::For(words.seconds("wait").expect("a time")),
        "until" => WaitUntil::Time(truth()),
        _ => WaitUntil::Signal(words.value("signal").expect("a name").into()),
    };
    let on_timeout = match (words.has("skips"), words.has("passes")) {
        (true, _) => OnTimeout::Skip,
        (_, true) => OnTimeout::Succeed,
        _ => OnTimeout::Fail,
    };
    TaskKind::Wait(Wait { until, timeout: words.seconds("within"), on_timeout })
}

fn approval(words: &Words) -> TaskKind {
    let on_deadline = match (words.has("passes"), words.has("rejects")) {
        (true, _) => OnDeadline::Approve,
        (_, true) => OnDeadline::Reject,
        _ => OnDeadline::Fail,
    };
    TaskKind::Approval(Approval {
        prompt: "is it good?".to_owned(),
        input_schema: None,
        deadline: words.seconds("within"),
        on_deadline,
        reject_fails: !words.has("lenient"),
    })
}

fn decision(words: &Words) -> TaskKind {
    let id = |name: &str| OptionId::new(name).expect("valid");
    let option = |name: &str, when| DecisionOption { id: id(name), about: None, when };
    let recommend = match (words.value("by"), words.has("ai")) {
        (Some(task), _) => Recommend::Task(TaskId::new(task).expect("valid")),
        (None, true) => Recommend::Ai,
        (None, false) => Recommend::Rule,
    };
    let fallback = match words.has("asks") {
        true => Fallback::Person {
            deadline: words.seconds("within"),
            late: words.has("passes").then(|| id("low")),
        },
        false => Fallback::Option(id("low")),
    };
    TaskKind::Decision(Decision {
        question: "how bad is it?".to_owned(),
        options: vec![option("low", None), option("high", Some(truth()))],
        recommend,
        min_confidence: words.has("sure").then_some(0.5),
        fallback,
    })
}
