//! Where in a file a task stands.

use crate::document::Step;
use crate::workflow::NodeIndex;

/// Where a task stands: in which list of which task, and as which of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    /// The task it is in; `None` at the top of the file.
    pub(super) owner: Option<NodeIndex>,
    pub(super) list: List,
    pub(super) item: usize,
}

/// A list of tasks, or what makes the host add one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// `tasks`, of the file, a group or a `parallel`.
    Tasks,
    Finally,
    Then,
    Else,
    /// `tasks` of one of `cases`.
    Case(usize),
    Default,
    /// The table `compensate`: the task it makes has its keys.
    Compensate,
    /// The table `merge`: the task it makes has its `type`.
    Merge,
}

impl List {
    /// Whether the host adds the task.
    pub(super) const fn is_made_by_the_host(self) -> bool {
        matches!(self, Self::Compensate | Self::Merge)
    }
}

/// The path of the task at `node`, in the document.
pub(super) fn path_of(sites: &[Site], node: NodeIndex) -> Vec<Step<'static>> {
    let site = sites[node.as_usize()];
    let mut path = site.owner.map(|owner| path_of(sites, owner)).unwrap_or_default();
    match site.list {
        List::Tasks => path.extend([Step::Key("tasks"), Step::Item(site.item)]),
        List::Finally => path.extend([Step::Key("finally"), Step::Item(site.item)]),
        List::Then => path.extend([Step::Key("then"), Step::Item(site.item)]),
        List::Else => path.extend([Step::Key("else"), Step::Item(site.item)]),
        List::Default => path.extend([Step::Key("default"), Step::Item(site.item)]),
        List::Case(case) => path.extend([
            Step::Key("cases"),
            Step::Item(case),
            Step::Key("tasks"),
            Step::Item(site.item),
        ]),
        List::Compensate => path.push(Step::Key("compensate")),
        List::Merge => path.push(Step::Key("merge")),
    }
    path
}
