//! The transparency log over HTTP: `/checkpoint` and `/tile/…`, as c2sp.org/tlog-tiles asks for, and what
//! others say of it: `/cosigned` and `/timestamps/…`.
//!
//! No path of a request reaches a file system: it is read into a [`Tile`] or a [`Stamp`], and the name of the
//! file is made from that.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::archive::tlog::{
    Stamp, StampFile, StoredError, Tile, read_cosigned, read_note, read_tile, size_of, stamps,
};
use crate::log::{Storage, StorageError};

/// A full tile never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A partial tile goes once the full one is there.
const A_MINUTE: &str = "public, max-age=60";
/// The checkpoint is replaced every second.
const NOT_AT_ALL: &str = "no-cache";

/// Timestamps that are listed: of six weeks, one an hour.
const LISTED_MAX: usize = 1_000;

type Published = Option<Arc<dyn Storage>>;

/// The pages; all of them 404 where nothing is published.
pub(super) fn pages(published: Published) -> Router {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .route("/cosigned", get(cosigned))
        .route("/timestamps", get(list))
        .route("/timestamps/{*path}", get(timestamp))
        .with_state(published)
}

async fn checkpoint(State(published): State<Published>) -> Response {
    note(published, read_note)
}

async fn cosigned(State(published): State<Published>) -> Response {
    note(published, read_cosigned)
}

type ReadNote = fn(&dyn Storage) -> Result<Option<Vec<u8>>, StorageError>;

fn note(published: Published, read: ReadNote) -> Response {
    let Some(published) = published else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match read(&*published) {
        Ok(Some(note)) => answer("text/plain; charset=utf-8", NOT_AT_ALL, note),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

async fn tile(State(published): State<Published>, uri: Uri) -> Response {
    let tile = uri.path().strip_prefix('/').map(str::parse::<Tile>);
    let (Some(published), Some(Ok(tile))) = (published, tile) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // What is not signed yet may not be whole yet, and would be kept for ever where it was asked for.
    match read_note(&*published) {
        Ok(Some(note)) if size_of(&note).is_some_and(|size| tile.is_of(size)) => {}
        Ok(_) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return failed(&error),
    }
    let kept = if tile.is_full() { FOR_EVER } else { A_MINUTE };
    match read_tile(&*published, tile) {
        Ok(bytes) => answer("application/octet-stream", kept, bytes),
        Err(StoredError::Storage(error)) if error.is_not_found() => {
            StatusCode::NOT_FOUND.into_response()
        }
        Err(error) => failed(&error),
    }
}

/// The paths of the last timestamps, a line each, without the files' suffixes; the last one last.
async fn list(State(published): State<Published>) -> Response {
    let Some(published) = published else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match stamps(&*published) {
        Ok(all) => {
            let last = &all[all.len().saturating_sub(LISTED_MAX)..];
            let lines: String = last.iter().map(|stamp| format!("{stamp}\n")).collect();
            answer("text/plain; charset=utf-8", NOT_AT_ALL, lines.into_bytes())
        }
        Err(error) => failed(&error),
    }
}

async fn timestamp(State(published): State<Published>, uri: Uri) -> Response {
    let stamp = uri.path().strip_prefix('/').and_then(Stamp::of_path);
    let (Some(published), Some((stamp, file))) = (published, stamp) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match file {
        StampFile::Reply => "application/timestamp-reply",
        StampFile::Checkpoint => "text/plain; charset=utf-8",
    };
    match stamp.read(&*published, file) {
        Ok(bytes) => answer(kind, FOR_EVER, bytes),
        Err(error) if error.is_not_found() => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

fn answer(kind: &'static str, kept: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)];
    (headers, bytes).into_response()
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "the transparency log could not be read");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
