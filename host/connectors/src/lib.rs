//! The only crate that makes outbound HTTP requests.
//!
//! [`egress`] sends what guests ask for, after checking it against what the operator granted.

pub mod egress;
