//! Task types that select from, merge and join JSON values: `json.select`, `json.merge` and `json.concat`.

mod concat;
mod merge;
mod select;

use taskloom_sdk::plugin;

plugin! {
    /// Selects from a JSON value by a JSON Pointer or a JSONPath.
    ///
    /// With `pointer` (RFC 6901) it gives the one `value` there; when there is none, the `default`, or
    /// without a default the failure `not-found`.
    ///
    /// With `path` (JSONPath, RFC 9535, without `match()` and `search()`) it gives all `matches` in the
    /// order of the document, and as `value` the first of them, else the `default`, else null. Keys of an
    /// object are in alphabetical order.
    "select" => select::run { effects: Pure },

    /// Merges JSON values, the first one first.
    ///
    /// `strategy` says how two values become one:
    ///
    /// * `deep` (default): objects are merged key by key, at every depth.
    /// * `shallow`: objects are merged key by key, at the top only.
    /// * `patch`: every value but the first is a JSON Merge Patch (RFC 7396): null removes a key. It
    ///   knows no conflicts, and neither `on_conflict` nor `arrays` may be given.
    ///
    /// Two arrays are joined with `arrays: concat`; with `arrays: replace` (default) they are treated like
    /// every other value: where two values differ, there is a conflict. (1 and 1.0 differ.) `on_conflict`
    /// says which one stays: the `last` (default), the `first`, or that the task must `fail`
    /// (`merge-conflict`). Each conflict is reported by its place, a JSON Pointer, and the index of the
    /// value that disagrees with those before it.
    "merge" => merge::run { effects: Pure },

    /// Joins lists into one, in their order; a value that is no list is an item itself. Nothing is joined
    /// at a greater depth.
    ///
    /// It takes what a group hands to the task type of `merge = { strategy = "reduce" }`.
    "concat" => concat::run { effects: Pure },
}
