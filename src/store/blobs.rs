//! Blobs: the bytes of evidence, named by their SHA-256, written once.
//!
//! A blob is on disk (file and folder synced) before the row that names it
//! commits, so no row ever points at nothing. The name proves the content: a
//! read whose bytes do not hash to the name is an error, never evidence.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, PutPayload, local::LocalFileSystem};
use sha2::{Digest as _, Sha256};

/// Why the blob store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Bytes are missing that a row names.
    #[error("blob {0} is missing")]
    Missing(String),
    /// Bytes changed since they were stored.
    #[error("blob {0} does not hold what its name says; do not use it as evidence")]
    Damaged(String),
    /// The folder or disk failed.
    #[error("the blob folder cannot be used: {0}")]
    Io(String),
}

/// A content-addressed folder of evidence.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
    store: std::sync::Arc<LocalFileSystem>,
}

impl Blobs {
    /// Opens (and creates) the folder.
    ///
    /// # Errors
    /// [`BlobError::Io`] when it cannot be created or may not be written to.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        std::fs::create_dir_all(root).map_err(|e| BlobError::Io(e.to_string()))?;
        writable(root)?;
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(|e| BlobError::Io(e.to_string()))?
            .with_automatic_cleanup(false)
            .with_fsync(true);
        Ok(Self {
            root: root.to_owned(),
            store: std::sync::Arc::new(store),
        })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Stores bytes durably and gives their name. Storing the same bytes again
    /// changes nothing.
    ///
    /// # Errors
    /// [`BlobError::Io`] when the disk fails; then no row may name them.
    pub async fn put(&self, bytes: Bytes) -> Result<String, BlobError> {
        let name = hex::encode(Sha256::digest(&bytes));
        let at = location(&name)?;
        self.store
            .put(&at, PutPayload::from_bytes(bytes))
            .await
            .map_err(|e| BlobError::Io(e.to_string()))?;
        Ok(name)
    }

    /// The bytes of a name, checked against it.
    ///
    /// # Errors
    /// [`BlobError::Missing`] or [`BlobError::Damaged`].
    pub async fn get(&self, name: &str) -> Result<Bytes, BlobError> {
        let at = location(name)?;
        let bytes = match self.store.get(&at).await {
            Ok(found) => found
                .bytes()
                .await
                .map_err(|e| BlobError::Io(e.to_string()))?,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(BlobError::Missing(name.to_owned()));
            }
            Err(error) => return Err(BlobError::Io(error.to_string())),
        };
        if hex::encode(Sha256::digest(&bytes)) == name {
            Ok(bytes)
        } else {
            Err(BlobError::Damaged(name.to_owned()))
        }
    }

    /// Proves that a blob can be written and read back, for `doctor`.
    ///
    /// # Errors
    /// [`BlobError`] when it cannot.
    pub async fn check(&self) -> Result<(), BlobError> {
        let name = self.put(Bytes::from_static(b"unhook doctor")).await?;
        self.get(&name).await.map(|_| ())
    }
}

/// Refuses a folder that this process may not write to, at the start instead of
/// at the first report. A full disk is left to the moment of writing: it passes.
fn writable(root: &Path) -> Result<(), BlobError> {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let probe = root.join(format!(".probe-{}", std::process::id()));
    let written = std::fs::File::create(&probe).map(drop);
    // it may not be there, which is what the next line tells
    let _ = std::fs::remove_file(&probe);
    match written {
        Err(e) if matches!(e.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            Err(BlobError::Io(format!("it cannot be written to: {e}")))
        }
        _ => Ok(()),
    }
}

fn location(name: &str) -> Result<object_store::path::Path, BlobError> {
    let hexadecimal = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    match (hexadecimal, name.get(..2)) {
        (true, Some(shelf)) => Ok(object_store::path::Path::from(format!("{shelf}/{name}"))),
        _ => Err(BlobError::Missing(
            "with a name that is no SHA-256".to_owned(),
        )),
    }
}
