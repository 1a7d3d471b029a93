//! Artefacts: the files that the tasks of a run left.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderValue;
use http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    X_CONTENT_TYPE_OPTIONS,
};
use taskloom_core::id::{Digest, RunId};
use taskloom_store::ArtefactRow;
use tokio_util::io::ReaderStream;

use super::error::ApiError;
use super::types::{ArtefactList, ProblemDetails, RunArtefact};
use super::{Api, request, runs};

/// List the artefacts of a run
///
/// The files that its attempts left, also those that failed; by task, attempt and name.
#[utoipa::path(get, path = "/runs/{id}/artefacts", tag = "runs", operation_id = "listArtefacts",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, body = ArtefactList),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<ArtefactList>, ApiError> {
    let rows = rows(&api, request::run_id(&id)?).await?;
    Ok(Json(ArtefactList { artefacts: rows.into_iter().map(RunArtefact::from).collect() }))
}

/// Download an artefact
///
/// By its digest, or by its name; of several files of that name the one that was left last by the
/// last task.
#[utoipa::path(get, path = "/runs/{id}/artefacts/{artefact}", tag = "runs", operation_id = "readArtefact",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("artefact" = String, Path, description = "The artefact's digest or name"),
    ),
    responses(
        (status = 200, description = "Its bytes, of its media type", content_type = "*/*"),
        (status = 404, description = "Unknown run or artefact", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn read(
    State(api): State<Api>,
    Path((id, named)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let run = request::run_id(&id)?;
    let digest = named.parse::<Digest>().ok();
    let is_meant = |row: &ArtefactRow| match digest {
        Some(digest) => row.digest == digest,
        None => row.name == named,
    };
    let row = rows(&api, run).await?.into_iter().rfind(is_meant);
    let row = row.ok_or_else(|| unknown(&named))?;
    let file = api.app.reader.open_artefact(row.digest).await?.ok_or_else(|| unknown(&named))?;
    let body = Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file)));
    Ok(response(&row, body))
}

/// A file that a browser keeps instead of showing it: what a handler left is nobody's page.
fn response(row: &ArtefactRow, body: Body) -> Response {
    let value = |text: String| {
        HeaderValue::from_str(&text)
            .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, value(row.media_type.clone()));
    headers.insert(CONTENT_LENGTH, row.bytes.into());
    headers.insert(CONTENT_DISPOSITION, value(format!("attachment; filename=\"{}\"", row.name)));
    headers.insert(ETAG, value(format!("\"{}\"", row.digest)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    response
}

async fn rows(api: &Api, run: RunId) -> Result<Vec<ArtefactRow>, ApiError> {
    if api.app.reader.row(run).await?.is_none() {
        return Err(runs::unknown(run));
    }
    Ok(api.app.reader.artefacts(run).await?)
}

fn unknown(named: &str) -> ApiError {
    ApiError::NotFound {
        kind: "artefact",
        name: named.chars().take(128).collect(),
        help: "; the run's artefacts are listed at its /artefacts".to_owned(),
    }
}
