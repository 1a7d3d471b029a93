//! The page for somebody who opens the host's address in a browser.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

const PAGE: &str = include_str!("page.html");

pub(super) fn router() -> Router {
    Router::new().route("/", get(|| async { Html(PAGE) }))
}
