//! Reads GitHub issues: the facts they state, and the labels that fit.

pub mod found;
pub mod markdown;
pub mod source;
pub mod traces;
pub mod words;
