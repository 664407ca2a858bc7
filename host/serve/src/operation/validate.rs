//! The response to the validation of a source.

use host_api as api;
use host_run::Validated;

use crate::wire::problem::ApiError;
use crate::wire::view;

/// Describes a validated source.
pub(crate) fn judged(source: String, validated: &Validated) -> api::ValidationReport {
    let metadata = validated.manifest.as_ref().map(|manifest| view::masked(manifest, &validated.schema));
    let refused = validated.error.as_ref().map(ApiError::from);
    let named = metadata.as_ref().map(|metadata| format!("plugin {} {}", metadata.id, metadata.version));
    let named = named.unwrap_or_else(|| "the source".to_owned());
    let message = match &refused {
        None => format!("{named} can be installed"),
        Some(refused) => format!("{named} cannot be installed: {}", refused.detail),
    };
    let fix = refused.as_ref().and_then(|refused| refused.fix.clone());
    let problems = refused.map(|refused| problems(refused, "")).unwrap_or_default();
    api::ValidationReport {
        valid: validated.error.is_none(),
        message,
        errors: messages(&problems),
        problems,
        fix,
        warnings: validated.warnings.clone(),
        metadata,
        source,
        commit: validated.commit.clone(),
        digest: validated.tree.to_string(),
        way: validated.build.map(|kind| view::build_kind(kind).to_owned()),
        artifact: validated.artifact.map(|artifact| artifact.to_string()),
        library: validated.library.as_ref().map(|(file, header)| api::LibraryFacts {
            file: file.to_string(),
            package: header.package.clone(),
            abi: header.abi.clone(),
            sdk: header.sdk.clone(),
            arch: std::env::consts::ARCH.to_owned(),
            compiler: Some(header.compiler.clone()).filter(|compiler| !compiler.is_empty()),
        }),
    }
}

/// Returns the problems of a refused plugin; a refusal without single errors is one problem of the field `pointer`.
pub(crate) fn problems(refused: ApiError, pointer: &str) -> Vec<api::FieldError> {
    if refused.errors.is_empty() {
        vec![api::FieldError { pointer: pointer.to_owned(), message: refused.detail }]
    } else {
        refused.errors
    }
}

/// Returns the texts of problems, which older clients read as `errors`.
pub(crate) fn messages(problems: &[api::FieldError]) -> Vec<String> {
    problems.iter().map(|problem| problem.message.clone()).collect()
}
