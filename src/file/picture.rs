//! Pictures: their size before they are decoded, and QR codes in them.
//!
//! A picture is decoded only when its header asks for no more pixels than are
//! allowed, and is searched as grey values, scaled down where it is large.

mod finders;

use std::io::Cursor;

use image::{
    DynamicImage, GrayImage, ImageFormat, ImageReader, Limits, Luma,
    imageops::{self, FilterType},
};
use url::Url;

use finders::{Finders, MAX_FINDERS};

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

/// Grey values (ITU-R BT.601 weights in 256ths); what is transparent shows white, as
/// on a page.
fn grey(picture: DynamicImage) -> GrayImage {
    const fn luma([red, green, blue]: [u8; 3]) -> u8 {
        let sum = 77 * red as u32 + 150 * green as u32 + 29 * blue as u32;
        (sum >> 8) as u8
    }
    const fn on_white(value: u8, alpha: u8) -> u8 {
        ((value as u32 * alpha as u32 + 255 * (255 - alpha as u32)) / 255) as u8
    }
    let (width, height) = (picture.width(), picture.height());
    let values: Vec<u8> = match picture {
        DynamicImage::ImageLuma8(grey) => return grey,
        DynamicImage::ImageRgb8(colours) => colours.pixels().map(|pixel| luma(pixel.0)).collect(),
        DynamicImage::ImageRgba8(colours) => colours
            .pixels()
            .map(|pixel| {
                let [red, green, blue, alpha] = pixel.0;
                on_white(luma([red, green, blue]), alpha)
            })
            .collect(),
        other if other.color().has_alpha() => other
            .into_luma_alpha8()
            .pixels()
            .map(|pixel| on_white(pixel.0[0], pixel.0[1]))
            .collect(),
        other => return other.into_luma8(),
    };
    GrayImage::from_raw(width, height, values).unwrap_or_default()
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
        if Finders::of(&picture).any() {
            let large = imageops::resize(
                &picture,
                picture.width() * 4,
                picture.height() * 4,
                FilterType::Nearest,
            );
            search(file, &framed(&large));
        }
        return;
    }
    let mut last = 0;
    for side in [SEARCHED_SIDE, LARGE_SIDE] {
        let factor = shrinking(&picture, side);
        if factor == last {
            return;
        }
        last = factor;
        let any = if factor == 1 {
            search(file, &picture)
        } else {
            search(file, &shrunk(&picture, factor))
        };
        if any {
            return;
        }
    }
}

/// By how much a picture is made smaller for its longer side to be about `side`.
fn shrinking(picture: &GrayImage, side: u32) -> u32 {
    let longer = picture.width().max(picture.height());
    (longer.saturating_add(side / 2) / side).max(1)
}

/// Made smaller by a whole number, each pixel the mean of a square; what is left at
/// the right and at the bottom is cut off.
fn shrunk(picture: &GrayImage, factor: u32) -> GrayImage {
    let (width, height) = (picture.width() / factor, picture.height() / factor);
    let size = |length: u32| usize::try_from(length).unwrap_or(usize::MAX).max(1);
    let (step, row) = (size(factor), size(picture.width()));
    let area = factor.saturating_mul(factor).max(1);
    let mut values = Vec::with_capacity(size(width) * size(height));
    let mut sums = vec![0u32; size(width)];
    for rows in picture.as_raw().chunks_exact(row * step).take(size(height)) {
        sums.fill(0);
        for row in rows.chunks_exact(row) {
            for (sum, square) in sums.iter_mut().zip(row.chunks_exact(step)) {
                *sum += square.iter().map(|value| u32::from(*value)).sum::<u32>();
            }
        }
        values.extend(
            sums.iter()
                .map(|sum| u8::try_from(sum / area).unwrap_or(u8::MAX)),
        );
    }
    GrayImage::from_raw(width, height, values).unwrap_or_default()
}

/// With a white margin, which a small picture often lacks.
fn framed(picture: &GrayImage) -> GrayImage {
    let mut page = GrayImage::from_pixel(picture.width() + 32, picture.height() + 32, Luma([255]));
    imageops::replace(&mut page, picture, 16, 16);
    page
}

/// Looks for codes as they are and, when there is none, with light and dark
/// exchanged.
fn search(file: &mut Open<'_, '_>, picture: &GrayImage) -> bool {
    let finders = Finders::of(picture);
    if found(file, picture, finders.dark) {
        return true;
    }
    if finders.light < 3 {
        return false;
    }
    let mut inverted = picture.clone();
    imageops::invert(&mut inverted);
    found(file, &inverted, finders.light)
}

fn found(file: &mut Open<'_, '_>, picture: &GrayImage, finders: usize) -> bool {
    match finders {
        0..=2 => return false,
        3..=MAX_FINDERS => {}
        _ => {
            file.stop(Stop::Pixels);
            return false;
        }
    }
    let side = |length: u32| usize::try_from(length).unwrap_or_default();
    let (width, values) = (side(picture.width()), picture.as_raw());
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(width, side(picture.height()), |x, y| {
            values.get(y * width + x).copied().unwrap_or(u8::MAX)
        });
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
