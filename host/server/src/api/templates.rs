//! Templates: list, show, put, delete, versions.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, StatusCode};
use taskloom_core::definition::template::read_template;
use taskloom_core::id::{Digest, TemplateId};
use taskloom_core::journal::Origin;

use super::error::ApiError;
use super::registry::{blocking, condition, etag, header};
use super::types::{
    ProblemDetails, Template, TemplateList, WorkflowVersion, WorkflowVersionText, WorkflowVersions,
};
use super::{Api, BASE, request};
use crate::templates::{Known, TemplateError, Templates};
use crate::workflows::{Condition, Put};

/// List templates
#[utoipa::path(get, path = "/templates", tag = "templates", operation_id = "listTemplates",
    responses((status = 200, body = TemplateList)))]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<TemplateList>, ApiError> {
    let templates = api.app.templates.clone();
    let shelf = blocking(move || Ok(templates.all()?)).await?;
    Ok(Json(shelf.into()))
}

/// Show a template
///
/// With the schema and the defaults of its parameters, and its text.
#[utoipa::path(get, path = "/templates/{id}", tag = "templates", operation_id = "showTemplate",
    params(("id" = String, Path, description = "The template's id")),
    responses(
        (status = 200, body = Template),
        (status = 404, description = "Unknown template", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Template>, ApiError> {
    let templates = api.app.templates.clone();
    let known = blocking(move || find(&templates, &id)).await?;
    Ok(Json((&known).into()))
}

/// Put a template
///
/// The body is the text of a template file; the id in it is the id in the path. Workflows that were
/// made of the template stay as they are.
#[utoipa::path(put, path = "/templates/{id}", tag = "templates", operation_id = "putTemplate",
    params(
        ("id" = String, Path, description = "The template's id"),
        ("If-Match" = Option<String>, Header, description = "Replace only the text with this digest, as `ETag` gave it"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such template"),
    ),
    request_body(content = String, content_type = "application/toml", description = "The text of a template file"),
    responses(
        (status = 201, description = "There was none of this name", body = Template,
            headers(("ETag" = String, description = "The digest of its text"), ("Location" = String, description = "The template"))),
        (status = 200, description = "It has this text now, or had it before", body = Template,
            headers(("ETag" = String, description = "The digest of its text"))),
        (status = 400, description = "A header is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A file holds the template", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "It is not what `If-Match` or `If-None-Match` wants", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The text is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Not TOML", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The text is wrong; `problems` has each place", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let condition = condition(request.headers())?;
    let source = request::toml(request, api.body_bytes_max()).await?;
    store(&api, id, source, condition).await
}

/// Checks a text, makes it the template's, and answers with the template.
pub(super) async fn store(
    api: &Api,
    id: String,
    source: String,
    condition: Condition,
) -> Result<Response, ApiError> {
    let templates = api.app.templates.clone();
    let (put, known) = blocking(move || {
        let id = template_id(&id)?;
        let reading = read_template("request", &source);
        let Some(template) = reading.template else {
            return Err(ApiError::InvalidTemplate {
                what: format!("the text of template `{id}` is wrong"),
                problems: reading.problems.into_iter().map(Into::into).collect(),
            });
        };
        if template.id.as_str() != id.as_str() {
            return Err(ApiError::InvalidTemplate {
                what: format!("the text is of template `{}`, not of `{id}`", template.id),
                problems: Vec::new(),
            });
        }
        Ok(templates.put(&id, &template, Origin::Api, &condition)?)
    })
    .await?;
    Ok(answer(put, &known))
}

fn answer(put: Put, known: &Known) -> Response {
    let status = if put == Put::Created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(Template::from(known))).into_response();
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&etag(known.digest)));
    if put == Put::Created {
        headers.insert(LOCATION, header(&format!("{BASE}/templates/{}", known.id)));
    }
    response
}

/// Delete a template
///
/// Workflows that were made of it stay, and its versions can still be read. A template of a file
/// goes with its file.
#[utoipa::path(delete, path = "/templates/{id}", tag = "templates", operation_id = "deleteTemplate",
    params(
        ("id" = String, Path, description = "The template's id"),
        ("If-Match" = Option<String>, Header, description = "Delete only the text with this digest"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "A header is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown template", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A file holds the template", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "It has another text", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let condition = condition(&headers)?;
    let templates = api.app.templates.clone();
    blocking(move || {
        let Ok(id) = TemplateId::new(&name) else { return Err(unknown(&templates, &name)) };
        match templates.delete(&id, &condition) {
            Ok(()) => Ok(StatusCode::NO_CONTENT),
            Err(TemplateError::Unknown(_)) => Err(unknown(&templates, &name)),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// List the versions of a template
///
/// Every text it has had, that which was put last first.
#[utoipa::path(get, path = "/templates/{id}/versions", tag = "templates", operation_id = "listTemplateVersions",
    params(("id" = String, Path, description = "The template's id")),
    responses(
        (status = 200, body = WorkflowVersions),
        (status = 404, description = "Unknown template", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn versions(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<WorkflowVersions>, ApiError> {
    let templates = api.app.templates.clone();
    blocking(move || {
        let Ok(id) = TemplateId::new(&name) else { return Err(unknown(&templates, &name)) };
        let current = templates.get(&id)?.map(|known| known.digest);
        let versions = templates.versions(&id)?;
        if versions.is_empty() {
            return Err(unknown(&templates, &name));
        }
        let shown = versions.into_iter().map(|put| {
            let is_current = current == Some(put.source);
            WorkflowVersion::new(put, is_current)
        });
        Ok(Json(WorkflowVersions { versions: shown.collect() }))
    })
    .await
}

/// Show a version of a template
///
/// With its text.
#[utoipa::path(get, path = "/templates/{id}/versions/{digest}", tag = "templates", operation_id = "showTemplateVersion",
    params(
        ("id" = String, Path, description = "The template's id"),
        ("digest" = String, Path, description = "The digest of the text, `sha256:…`"),
    ),
    responses(
        (status = 200, body = WorkflowVersionText),
        (status = 404, description = "Unknown template or version", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn version(
    State(api): State<Api>,
    Path((name, digest)): Path<(String, String)>,
) -> Result<Json<WorkflowVersionText>, ApiError> {
    let templates = api.app.templates.clone();
    blocking(move || {
        let Ok(id) = TemplateId::new(&name) else { return Err(unknown(&templates, &name)) };
        let found = match digest.parse::<Digest>() {
            Ok(digest) => templates.version(&id, digest)?,
            Err(_) => None,
        };
        let Some((put, text)) = found else {
            return Err(ApiError::NotFound {
                kind: "version",
                name: digest.chars().take(80).collect(),
                help: format!(
                    " of template `{id}`; `GET /api/v1/templates/{id}/versions` lists them"
                ),
            });
        };
        let current = templates.get(&id)?.is_some_and(|known| known.digest == put.source);
        let version = WorkflowVersion::new(put, current);
        Ok(Json(WorkflowVersionText { version, source: text.to_string() }))
    })
    .await
}

/// The template called `name`. Reads the disk.
pub(super) fn find(templates: &Templates, name: &str) -> Result<Known, ApiError> {
    let found = match TemplateId::new(name) {
        Ok(id) => templates.get(&id)?,
        Err(_) => None,
    };
    found.ok_or_else(|| unknown(templates, name))
}

/// A new template's id.
pub(super) fn template_id(text: &str) -> Result<TemplateId, ApiError> {
    TemplateId::new(text).map_err(|error| ApiError::InvalidBody(error.to_string()))
}

fn unknown(templates: &Templates, name: &str) -> ApiError {
    let help = match templates.all().ok().and_then(|shelf| shelf.similar(name)) {
        Some(similar) => format!("; did you mean `{similar}`?"),
        None => "; `GET /api/v1/templates` lists them".to_owned(),
    };
    ApiError::NotFound { kind: "template", name: name.chars().take(80).collect(), help }
}

impl From<TemplateError> for ApiError {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::Unknown(id) => Self::NotFound {
                kind: "template",
                name: id.to_string(),
                help: "; `GET /api/v1/templates` lists them".to_owned(),
            },
            TemplateError::FromFile { id, file } => Self::TemplateFromFile { id, file },
            TemplateError::Unexpected { .. } => Self::PreconditionFailed(error.to_string()),
            TemplateError::Store(error) => error.into(),
        }
    }
}
