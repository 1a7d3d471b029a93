//! A list that stops growing at its bound and remembers that it did.

/// What was found, up to a bound.
#[derive(Debug)]
pub struct Found<T> {
    /// The first of them, in the order of the text.
    pub items: Vec<T>,
    /// Whether there were more.
    pub truncated: bool,
    items_max: usize,
}

impl<T> Found<T> {
    /// Nothing yet, and never more than `items_max`.
    pub fn up_to(items_max: usize) -> Self {
        Self { items: Vec::new(), truncated: false, items_max }
    }

    /// Adds `item` if there is room, and notes it when there is none.
    pub fn push(&mut self, item: T) {
        if self.is_full() {
            self.truncated = true;
        } else {
            self.items.push(item);
        }
    }

    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        self.items.len() >= self.items_max
    }
}
