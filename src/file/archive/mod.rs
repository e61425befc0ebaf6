//! Archives, packed streams and disk images: their members as files inside.
//!
//! Nothing is written anywhere. A member's name is display text: a name that
//! climbs out of its folder and a link are noted, never followed. Sizes that
//! headers state are not believed; only bytes that come out count.

mod cab;
mod iso;
mod members;
mod rar;
mod sevenz;
mod stream;
mod tar;
mod zip;

use super::{kind::FileKind, open::Open, report::Stop};

pub(super) use zip::look as zip;

/// Takes an archive apart.
pub(super) fn look(file: &mut Open<'_, '_>) {
    match file.report.kind {
        FileKind::Zip => zip::look(file),
        FileKind::SevenZip => sevenz::look(file),
        FileKind::Rar => rar::look(file),
        FileKind::Tar => tar::look(file),
        FileKind::Gzip | FileKind::Xz | FileKind::Bzip2 => stream::look(file),
        FileKind::Iso => iso::look(file),
        FileKind::Cab => cab::look(file),
        _ => file.stop(Stop::Unsupported),
    }
}

#[cfg(test)]
mod tests;
