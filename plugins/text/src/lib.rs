//! A task type that renders text from a template: `text.render`.

mod markdown;
mod render;

use taskloom_sdk::plugin;

plugin! {
    /// Renders a text from a template and values.
    ///
    /// The template is in the language of Jinja (`{{ value }}`, `{% for … %}`, `{% if … %}`, macros, filters),
    /// as in the documentation of MiniJinja; it includes no other template. A value that is missing is a
    /// failure that says where: `undefined-value`; `{{ value | default('') }}` and `is defined` allow it.
    /// Nothing is escaped by itself. For Markdown there are filters: `md_escape` makes any text plain,
    /// without formatting, HTML or mentions; `inline_code`, `code_fence(language)` and `quote` put it
    /// where it cannot break out; `truncate(length, end)` cuts it.
    ///
    /// With `artefact` the text is also left as a file of that name, `output.artefact` refers to it.
    "render" => render::run { effects: Pure },
}
