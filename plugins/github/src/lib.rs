//! Reads GitHub issues: the facts they state, and the labels that fit.
//!
//! Both task types are pure rules over text: no network, no model, and equal input gives equal output.
//! Issue text is hostile, so every reader is linear in it, every list has a bound, and what comes out
//! is data: labels come from the given list alone.

pub mod behaviour;
pub mod code;
pub mod completeness;
pub mod facts;
pub mod found;
pub mod issue;
pub mod kind;
pub mod labels;
pub mod links;
pub mod markdown;
pub mod paths;
pub mod platforms;
pub mod products;
pub mod sections;
pub mod sentences;
pub mod signals;
pub mod source;
pub mod steps;
pub mod traces;
pub mod versions;
pub mod words;

use taskloom_sdk::{Result, plugin};

use facts::Facts;
use issue::Payload;
use labels::{Request, Suggestions};

plugin! {
    /// Reads the facts of a GitHub issue.
    ///
    /// The input is a webhook payload of `issues` or `issue_comment`, or its parts `issue`, `comment` and
    /// `repository`. The facts are the kind of report with reasons, versions, platforms, stack traces
    /// with their frames, steps to reproduce, expected and actual behaviour, paths, links, blocks of code
    /// and how complete the report is; each names the field, the line and the text it was found in.
    /// Lists are bounded; `truncated` names those that were cut.
    "extract-facts" => extract_facts { effects: Pure, class: Cpu },

    /// Suggests labels for an issue from its facts.
    ///
    /// Takes the output of `github.extract-facts` and a list of labels (GitHub's nine defaults if none).
    /// A label is understood by its name (`bug`, `kind/bug`, `C-bug`), its description, or as a platform
    /// or a part of the project. Only labels of the list are suggested, each with confidence and reasons;
    /// the rest is listed with why not.
    "suggest-labels" => suggest_labels { effects: Pure, class: Cpu },
}

fn extract_facts(payload: Payload) -> Result<Facts> {
    Ok(facts::extract(&payload))
}

fn suggest_labels(request: Request) -> Result<Suggestions> {
    Ok(labels::suggest(&request))
}
