//! Pictures: their size before they are decoded, and QR codes in them.
//!
//! A picture is decoded only when its header asks for no more pixels than are
//! allowed, and is searched as grey values, scaled down where it is large.

use std::io::Cursor;

use image::{
    DynamicImage, GrayImage, ImageFormat, ImageReader, Limits, Luma,
    imageops::{self, FilterType},
};
use url::Url;

use super::{
    kind::FileKind,
    open::Open,
    report::{LinkSource, NoteKind, Stop},
};
use crate::message::{links_of_text, registrable};

/// Pixels of the longer side that codes are first looked for in.
const SEARCHED_SIDE: u32 = 1_200;
/// The same for the second look at a large picture.
const LARGE_SIDE: u32 = 2_400;
/// Below this side a code may have one pixel for a module: it is enlarged.
const SMALL_SIDE: u32 = 260;
/// Finder patterns of a picture that is searched. The search compares each with
/// each, and no honest picture has so many.
const MAX_FINDERS: usize = 60;
/// Codes read of one picture.
const MAX_CODES: usize = 20;

/// Decodes a picture within the bounds and reads the QR codes in it.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let format = match file.report.kind {
        FileKind::Png => ImageFormat::Png,
        FileKind::Jpeg => ImageFormat::Jpeg,
        FileKind::Gif => ImageFormat::Gif,
        FileKind::Webp => ImageFormat::WebP,
        FileKind::Bmp => ImageFormat::Bmp,
        _ => return file.stop(Stop::Unsupported),
    };
    let bytes = file.bytes;
    codes_of_encoded(file, bytes, format);
}

/// Reads the QR codes of an encoded picture that is part of the file.
pub(super) fn codes_of_encoded(file: &mut Open<'_, '_>, bytes: &[u8], format: ImageFormat) {
    if file.run.pictures_left == 0 {
        return file.stop(Stop::Pictures);
    }
    let (width, height) =
        match ImageReader::with_format(Cursor::new(bytes), format).into_dimensions() {
            Ok(sides) => sides,
            Err(error) => return file.note(NoteKind::Corrupt, &error.to_string()),
        };
    if !may_decode(file, width, height) {
        return file.stop(Stop::Pixels);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(width);
    limits.max_image_height = Some(height);
    // eight bytes a pixel: the widest form (16 bits of red, green, blue, alpha)
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * 8 + (1 << 20));
    reader.limits(limits);
    match reader.decode() {
        Ok(picture) => codes_of_luma(file, grey(picture)),
        Err(error) => file.note(NoteKind::Corrupt, &error.to_string()),
    }
}

/// Whether a picture of these sides may be decoded.
pub(super) fn may_decode(file: &Open<'_, '_>, width: u32, height: u32) -> bool {
    width > 0 && height > 0 && u64::from(width) * u64::from(height) <= file.run.limits.pixels
}

/// Grey values; what is transparent shows white, as on a page.
fn grey(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let both = picture.into_luma_alpha8();
    GrayImage::from_fn(both.width(), both.height(), |x, y| {
        let [value, alpha] = both.get_pixel(x, y).0;
        let shown = u16::from(value) * u16::from(alpha) + 255 * u16::from(255 - alpha);
        Luma([u8::try_from(shown / 255).unwrap_or(u8::MAX)])
    })
}

/// Reads the QR codes of a picture given as grey values: each becomes a note, and
/// a link where its content is one. Counts as one searched picture.
pub(super) fn codes_of_luma(file: &mut Open<'_, '_>, picture: GrayImage) {
    if picture.width() < 21 || picture.height() < 21 {
        // the smallest code has 21 modules a side
        return;
    }
    let Some(left) = file.run.pictures_left.checked_sub(1) else {
        return file.stop(Stop::Pictures);
    };
    file.run.pictures_left = left;
    let side = picture.width().max(picture.height());
    if side <= SMALL_SIDE {
        let large = imageops::resize(
            &picture,
            picture.width() * 4,
            picture.height() * 4,
            FilterType::Nearest,
        );
        search(file, framed(&large));
        return;
    }
    if search(file, scaled(&picture, SEARCHED_SIDE)) || side <= SEARCHED_SIDE {
        return;
    }
    search(file, scaled(&picture, LARGE_SIDE));
}

fn scaled(picture: &GrayImage, side: u32) -> GrayImage {
    let longer = picture.width().max(picture.height());
    if longer <= side {
        return picture.clone();
    }
    let shrink = |length: u32| {
        let length = u64::from(length) * u64::from(side) / u64::from(longer);
        u32::try_from(length).unwrap_or(side).max(1)
    };
    imageops::thumbnail(picture, shrink(picture.width()), shrink(picture.height()))
}

/// With a white margin, which a small picture often lacks.
fn framed(picture: &GrayImage) -> GrayImage {
    let mut page = GrayImage::from_pixel(picture.width() + 32, picture.height() + 32, Luma([255]));
    imageops::replace(&mut page, picture, 16, 16);
    page
}

/// Looks for codes as they are and, when there is none, with light and dark
/// exchanged.
fn search(file: &mut Open<'_, '_>, mut picture: GrayImage) -> bool {
    if found(file, &picture) {
        return true;
    }
    imageops::invert(&mut picture);
    found(file, &picture)
}

fn found(file: &mut Open<'_, '_>, picture: &GrayImage) -> bool {
    match finders(picture) {
        0..=2 => return false,
        3..=MAX_FINDERS => {}
        _ => {
            file.stop(Stop::Pixels);
            return false;
        }
    }
    let side = |length: u32| usize::try_from(length).unwrap_or_default();
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(
        side(picture.width()),
        side(picture.height()),
        |x, y| {
            let at = |v: usize| u32::try_from(v).unwrap_or_default();
            picture
                .get_pixel_checked(at(x), at(y))
                .map_or(255, |pixel| pixel.0[0])
        },
    );
    let mut any = false;
    for grid in prepared.detect_grids().into_iter().take(MAX_CODES) {
        let mut content = Vec::new();
        if grid.decode_to(&mut content).is_ok() {
            any = true;
            code(file, &String::from_utf8_lossy(&content));
        }
    }
    any
}

/// How many finder patterns (dark and light in the ratio 1:1:3:1:1 across and
/// down, ISO/IEC 18004 section 6.3.3) a picture seems to have, counted to just
/// past [`MAX_FINDERS`].
fn finders(picture: &GrayImage) -> usize {
    let mean = {
        let sum: u64 = picture.as_raw().iter().map(|v| u64::from(*v)).sum();
        u8::try_from(sum / (picture.as_raw().len().max(1) as u64)).unwrap_or(u8::MAX)
    };
    // the search itself has local thresholds; this count only guards it, so a
    // second one catches pictures that are mostly light or mostly dark
    [mean, 128]
        .into_iter()
        .map(|threshold| finders_at(picture, threshold))
        .max()
        .unwrap_or_default()
}

fn finders_at(picture: &GrayImage, threshold: u8) -> usize {
    let mut centres: Vec<(u32, u32)> = Vec::new();
    for (y, row) in picture.rows().enumerate() {
        let y = u32::try_from(y).unwrap_or(u32::MAX);
        let mut runs = [0u32; 5];
        let mut dark = false;
        for (x, pixel) in row.enumerate() {
            let x = u32::try_from(x).unwrap_or(u32::MAX);
            let now = pixel.0[0] < threshold;
            if now == dark {
                runs[4] += 1;
                continue;
            }
            if dark && is_finder(runs) {
                let centre = x.saturating_sub(runs[4] + runs[3] + runs[2] / 2);
                let near =
                    |(a, b): &(u32, u32)| a.abs_diff(centre) <= runs[2] && b.abs_diff(y) <= runs[2];
                if !centres.iter().rev().any(near) {
                    centres.push((centre, y));
                    if centres.len() > MAX_FINDERS * 4 {
                        return centres.len();
                    }
                }
            }
            runs.rotate_left(1);
            runs[4] = 1;
            dark = now;
        }
        if dark && is_finder(runs) {
            centres.push((picture.width(), y));
        }
    }
    centres
        .into_iter()
        .filter(|(x, y)| stands(picture, *x, *y, threshold))
        .count()
}

fn is_finder([a, b, c, d, e]: [u32; 5]) -> bool {
    let total = a + b + c + d + e;
    // half a module of slack, and a whole one and a half for the core
    let close = |run: u32, modules: u32| {
        (run * 7).abs_diff(total * modules) * 2 <= total * modules.min(2) + 7
    };
    total >= 7 && close(a, 1) && close(b, 1) && close(c, 3) && close(d, 1) && close(e, 1)
}

/// Whether the column through a centre has the pattern too, roughly: a dark core
/// between light rings.
fn stands(picture: &GrayImage, x: u32, y: u32, threshold: u8) -> bool {
    let x = x.min(picture.width().saturating_sub(1));
    let dark = |y: u32| {
        picture
            .get_pixel_checked(x, y)
            .is_some_and(|pixel| pixel.0[0] < threshold)
    };
    let length = |from: u32, down: bool, wanted: bool| {
        let mut at = from;
        let mut count = 0u32;
        while at < picture.height() && dark(at) == wanted && count < 2_000 {
            count += 1;
            match if down {
                at.checked_add(1)
            } else {
                at.checked_sub(1)
            } {
                Some(next) => at = next,
                None => break,
            }
        }
        (count, at)
    };
    let (up, above) = length(y, false, true);
    let (down, below) = length(y, true, true);
    let core = (up + down).saturating_sub(1);
    let (ring_above, _) = length(above, false, false);
    let (ring_below, _) = length(below, true, false);
    let fits = |ring: u32| ring > 0 && (ring * 3).abs_diff(core) <= core.max(2);
    fits(ring_above) && fits(ring_below)
}

/// Keeps the content of a code.
fn code(file: &mut Open<'_, '_>, content: &str) {
    file.note(NoteKind::QrCode, content);
    for target in targets(content) {
        file.link(LinkSource::QrCode, &target, "");
    }
}

/// The links of a code's content: with a scheme, inside another form (`URL:`,
/// `MEBKM:`, a contact), or a bare domain, which telephones open too.
fn targets(content: &str) -> Vec<String> {
    let content = content.trim();
    let bare = content
        .get(..4)
        .filter(|head| head.eq_ignore_ascii_case("url:"))
        .and_then(|_| content.get(4..))
        .unwrap_or(content)
        .trim();
    if let Ok(link) = Url::parse(bare)
        && (link.has_host() || !bare.contains(char::is_whitespace))
        && !["wifi", "mebkm", "mecard", "begin", "bitcoin"].contains(&link.scheme())
        && (link.scheme().len() > 1 && !link.scheme().contains('.'))
    {
        return vec![bare.to_owned()];
    }
    let written = links_of_text(content, MAX_CODES);
    if !written.is_empty() {
        return written;
    }
    let host = bare.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let is_domain = host.contains('.')
        && !bare.contains(char::is_whitespace)
        && !bare.contains('@')
        && psl::suffix(registrable(host).as_bytes()).is_some_and(|suffix| suffix.is_known());
    if is_domain {
        vec![format!("http://{bare}")]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
pub(super) mod tests;
