//! `GET /files/<path>`: a file of the configured folder. No listing, no dot-files, nothing outside the folder, neither
//! by the path nor by a symbolic link.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rocket::http::uri;
use rocket::request::FromSegments;

use crate::api::prelude::*;
use crate::openapi::{Describe, HandlerSignature};
use crate::settings::HttpSettings;

#[get("/files/<path..>")]
pub(super) async fn file(path: FilePath, settings: &State<HttpSettings>) -> Result<(ContentType, File), Problem> {
    let (Some(dir), FilePath(Some(path))) = (settings.static_dir.clone(), path) else {
        return Err(Problem::not_found());
    };
    let opened = tokio::task::spawn_blocking(move || open(&dir, &path)).await;
    match opened {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(error)) => {
            if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
                tracing::debug!(%error, "a file is not served");
            }
            Err(Problem::not_found())
        }
        Err(_) => Err(Problem::not_found()),
    }
}

/// A path of plain names; `None` if a segment is anything else.
pub(super) struct FilePath(Option<PathBuf>);

impl<'r> FromSegments<'r> for FilePath {
    /// Never: a failing guard would be a 422 of Rocket's.
    type Error = Infallible;

    fn from_segments(segments: uri::Segments<'r, uri::fmt::Path>) -> Result<Self, Infallible> {
        let mut path = PathBuf::new();
        for segment in segments {
            if segment.starts_with('.') || segment.contains(['/', '\\', '\0']) {
                return Ok(Self(None));
            }
            path.push(segment);
        }
        Ok(Self(Some(path)))
    }
}

impl Describe for FilePath {
    fn describe(signature: &mut HandlerSignature) {
        let description = "The path of the file, relative to the configured folder.";
        signature.path_parameter("path", description, json!({ "type": "string" }));
    }
}

/// Opens the regular file at `path`, if it is below `dir` after all links are resolved.
fn open(dir: &Path, path: &Path) -> io::Result<(ContentType, File)> {
    let root = dir.canonicalize()?;
    let real = root.join(path).canonicalize()?;
    let inside = real.strip_prefix(&root).map_err(|_| refused("a link leads out of the folder"))?;
    if inside.iter().any(|name| name.as_encoded_bytes().starts_with(b".")) {
        return Err(refused("a link leads to a dot-file"));
    }
    // Before opening: opening a pipe would wait for its other end.
    if !real.metadata()?.is_file() {
        return Err(refused("not a regular file"));
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    let content_type = extension.and_then(ContentType::from_extension).unwrap_or(ContentType::Binary);
    Ok((content_type, File::open(&real)?))
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, why)
}

pub(super) fn doc() -> OperationDoc {
    let anything = json!({ "type": "string", "format": "binary" });
    OperationDoc::new("get_file", "Get a static file")
        .description(
            "Serves regular files of the configured folder. Directories are not listed, and dot-files are \
                      not served.",
        )
        .tag("files")
        .response(ResponseDoc::new("The file", "*/*", anything, None))
        .problems([ProblemKind::NotFound])
}
