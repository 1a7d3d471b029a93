//! Random workflows that use everything.

use std::fmt::Write as _;

/// A workflow as a line for `support::workflow`.
pub(crate) fn random_spec(luck: &mut fastrand::Rng) -> String {
    let mut graph = RandomGraph { luck, spec: String::new(), tasks: 0 };
    let plain = graph.luck.u8(0..4) == 0;
    let most = if plain { 12 } else { 6 };
    graph.list(most, if plain { 0 } else { 3 });
    if graph.luck.u8(0..4) == 0 {
        graph.spec.push_str("; finally { ");
        graph.list(3, 1);
        graph.spec.push_str(" }");
    }
    let retries = graph.luck.u8(0..4);
    let _ = write!(graph.spec, " | retries={retries}");
    for words in [
        &["", " backoff=fixed", " backoff=linear"],
        &["", " jitter=equal", " jitter=full"],
        &["", " elapsed=25", " elapsed=120"],
        &["", " retry_on=flaky", " never_retry_on=flaky"],
    ] {
        graph.spec.push_str(words[graph.luck.usize(0..3)]);
    }
    let merges = ["", " merge=first", " merge=deep", " merge=fail"];
    graph.spec.push_str(merges[graph.luck.usize(0..4)]);
    for option in ["continue", "output", "publish", "timeout=500", "finally=40"] {
        if graph.luck.u8(0..3) == 0 {
            let _ = write!(graph.spec, " {option}");
        }
    }
    graph.spec
}

struct RandomGraph<'l> {
    luck: &'l mut fastrand::Rng,
    spec: String,
    tasks: usize,
}

impl RandomGraph<'_> {
    /// Tasks side by side, with groups in each other at most `depth` deep.
    fn list(&mut self, most: usize, depth: u32) {
        let mut before: Vec<usize> = Vec::new();
        for place in 0..self.luck.usize(1..=most) {
            let needs: Vec<String> = before
                .iter()
                .filter(|_| self.luck.u8(0..4) == 0)
                .map(|need| format!("t{need}"))
                .collect();
            let separator = if place == 0 { "" } else { "; " };
            before.push(self.tasks);
            let _ = write!(self.spec, "{separator}t{}<-{}", self.tasks, needs.join(","));
            self.tasks += 1;
            self.task(depth);
        }
    }

    fn task(&mut self, depth: u32) {
        for (word, odds) in [
            (" ?", 6),
            (" !", 8),
            (" undo", 8),
            (" queue=15", 12),
            (" total=90", 12),
            (" heartbeat=5", 12),
            (" sets=x", 6),
            (" sets=y", 9),
        ] {
            if self.luck.u8(0..odds) == 0 {
                self.spec.push_str(word);
            }
        }
        match self.luck.u8(0..20) {
            0..8 => {}
            8 => self.decision(),
            9 => self.spec.push_str(" wait=20"),
            10 => self.spec.push_str(" until"),
            11 => {
                let ends = ["", " within=30", " within=30 skips", " within=30 passes"];
                let end = ends[self.luck.usize(0..4)];
                let _ = write!(self.spec, " signal=s{}{end}", self.luck.u8(0..2));
            }
            12 => {
                let ends = ["", " within=30", " within=30 passes", " within=30 rejects lenient"];
                let end = ends[self.luck.usize(0..4)];
                let _ = write!(self.spec, " approval{end}");
            }
            13 => self
                .spec
                .push_str([" child", " child detached", " child returns"][self.luck.usize(0..3)]),
            _ if depth > 0 => self.group(depth - 1),
            _ => {}
        }
    }

    fn decision(&mut self) {
        let recommends = ["", " ai", " by=t0", " by=t0 sure"][self.luck.usize(0..4)];
        let ends = ["", " asks", " asks within=30", " asks within=30 passes"];
        let end = ends[self.luck.usize(0..4)];
        let _ = write!(self.spec, " decision{recommends}{end}");
    }

    fn group(&mut self, depth: u32) {
        let max = [" max=1", " max=2", ""][self.luck.usize(0..3)];
        let merges = [
            "",
            " first",
            " any",
            " quorum=2",
            " object",
            " deep=last",
            " deep=first",
            " deep=fail",
            " reduce",
        ];
        let merge = merges[self.luck.usize(0..merges.len())];
        match self.luck.u8(0..6) {
            0 => self.blocks(" branch", 1..3, depth),
            1 => self.blocks(" switch default", 2..4, depth),
            2 => self.blocks(" group", 1..2, depth),
            3 => self.members(&format!(" parallel{max}{merge}"), depth),
            _ => self.blocks(&format!(" each{max}{merge}"), 1..2, depth),
        }
    }

    fn blocks(&mut self, kind: &str, count: std::ops::Range<usize>, depth: u32) {
        self.spec.push_str(kind);
        for _ in 0..self.luck.usize(count) {
            self.spec.push_str(" { ");
            self.list(3, depth);
            self.spec.push_str(" }");
        }
    }

    /// Members of a parallel do not need each other.
    fn members(&mut self, kind: &str, depth: u32) {
        let _ = write!(self.spec, "{kind} {{ ");
        for place in 0..self.luck.usize(1..4) {
            let separator = if place == 0 { "" } else { "; " };
            let _ = write!(self.spec, "{separator}t{}", self.tasks);
            self.tasks += 1;
            self.task(depth);
        }
        self.spec.push_str(" }");
    }
}
