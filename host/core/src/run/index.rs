//! Places within a run: of tasks, of frames and of sections.

/// Declares a place: a number of its own type.
macro_rules! place {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The `place`-th; there are fewer than 2³² in a run.
            pub fn new(place: usize) -> Self {
                Self(u32::try_from(place).expect($what))
            }

            /// The place as an index of a list.
            pub const fn as_usize(self) -> usize {
                self.0 as usize
            }
        }
    };
}

place!(
    /// A task's place within its run: a node of the workflow in a frame. In a workflow without
    /// `for_each` it is the node's own place.
    TaskIndex,
    "a run has fewer than 2^32 tasks"
);

place!(
    /// A frame's place within its run: one copy of what a `for_each` repeats.
    FrameIndex,
    "a run has fewer than 2^32 frames"
);

place!(
    /// A section's place within its run: one block at work in one frame.
    SectionIndex,
    "a run has fewer than 2^32 sections"
);

impl FrameIndex {
    /// The workflow itself, as far as no `for_each` repeats it.
    pub const ROOT: Self = Self(0);
}

impl SectionIndex {
    /// The workflow's own list of tasks.
    pub const ROOT: Self = Self(0);
}
