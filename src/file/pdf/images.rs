//! Pictures of a PDF as grey values.

use image::{GrayImage, ImageFormat};
use lopdf::{Dictionary, Document, Object, Stream};

use super::{
    super::{open::Open, picture, report::Stop},
    decoded, name_of, resolved, value,
};

/// Sides under this are bullets and lines.
const MIN_SIDE: u32 = 21;

/// Searches a picture for QR codes.
pub(super) fn look(file: &mut Open<'_, '_>, document: &Document, stream: &Stream) {
    let side = |long: &str, short: &str| match (
        value(document, &stream.dict, long),
        value(document, &stream.dict, short),
    ) {
        (Object::Integer(side), _) | (_, Object::Integer(side)) => {
            u32::try_from(*side).unwrap_or_default()
        }
        _ => 0,
    };
    let (width, height) = (side("Width", "W"), side("Height", "H"));
    let (short, long) = (width.min(height), width.max(height));
    if short < MIN_SIDE || u64::from(long) > u64::from(short) * 6 {
        return;
    }
    if !picture::may_decode(file, width, height) {
        return file.stop(Stop::Pixels);
    }
    if file.run.pictures_left == 0 {
        return file.stop(Stop::Pictures);
    }
    let filters = filters(document, &stream.dict);
    match filters.last().map(Vec::as_slice) {
        Some(b"DCTDecode" | b"DCT") => jpeg(file, stream, &filters),
        Some(b"JPXDecode" | b"JBIG2Decode" | b"CCITTFaxDecode" | b"CCF") => {
            file.stop(Stop::Unsupported);
        }
        _ => {
            let Some(samples) = decoded(file, &named(stream, &filters)) else {
                return;
            };
            match grey(document, &stream.dict, width, height, &samples) {
                Some(picture) => picture::codes_of_luma(file, picture),
                None => file.stop(Stop::Unsupported),
            }
        }
    }
}

fn jpeg(file: &mut Open<'_, '_>, stream: &Stream, filters: &[Vec<u8>]) {
    let before = filters.get(..filters.len() - 1).unwrap_or_default();
    if before.is_empty() {
        return picture::codes_of_encoded(file, &stream.content, ImageFormat::Jpeg);
    }
    if let Some(bytes) = decoded(file, &named(stream, before)) {
        picture::codes_of_encoded(file, &bytes, ImageFormat::Jpeg);
    }
}

/// The filters, abbreviations of inline pictures included.
fn filters(document: &Document, dictionary: &Dictionary) -> Vec<Vec<u8>> {
    let given = match value(document, dictionary, "Filter") {
        Object::Null => value(document, dictionary, "F"),
        given => given,
    };
    match given {
        Object::Name(name) => vec![name.clone()],
        Object::Array(names) => names
            .iter()
            .take(16)
            .map(|name| name_of(resolved(document, name)).to_vec())
            .collect(),
        _ => Vec::new(),
    }
}

/// The stream with its filters under their full names and written out.
fn named(stream: &Stream, filters: &[Vec<u8>]) -> Stream {
    let mut dictionary = stream.dict.clone();
    let full = |name: &Vec<u8>| match name.as_slice() {
        b"Fl" => b"FlateDecode".to_vec(),
        b"LZW" => b"LZWDecode".to_vec(),
        b"A85" => b"ASCII85Decode".to_vec(),
        b"AHx" => b"ASCIIHexDecode".to_vec(),
        b"RL" => b"RunLengthDecode".to_vec(),
        other => other.to_vec(),
    };
    let names = filters
        .iter()
        .map(|name| Object::Name(full(name)))
        .collect();
    dictionary.remove(b"F");
    dictionary.set("Filter", Object::Array(names));
    if let Ok(parameters) = stream.dict.get(b"DP") {
        dictionary.set("DecodeParms", parameters.clone());
    }
    Stream::new(dictionary, stream.content.clone())
}

/// How samples become grey.
enum Colours {
    Grey,
    Rgb,
    Cmyk,
    Palette(Vec<u8>),
}

fn colours(document: &Document, dictionary: &Dictionary) -> Option<Colours> {
    let space = match value(document, dictionary, "ColorSpace") {
        Object::Null => value(document, dictionary, "CS"),
        space => space,
    };
    let (name, items) = match space {
        Object::Name(name) => (name.as_slice(), &[][..]),
        Object::Array(items) => (
            name_of(resolved(document, items.first()?)),
            items.as_slice(),
        ),
        // a mask has no colours
        Object::Null => return Some(Colours::Grey),
        _ => return None,
    };
    match name {
        b"DeviceGray" | b"CalGray" | b"G" | b"Separation" => Some(Colours::Grey),
        b"DeviceRGB" | b"CalRGB" | b"RGB" | b"Lab" => Some(Colours::Rgb),
        b"DeviceCMYK" | b"CMYK" => Some(Colours::Cmyk),
        b"ICCBased" => match resolved(document, items.get(1)?) {
            Object::Stream(profile) => match value(document, &profile.dict, "N") {
                Object::Integer(1) => Some(Colours::Grey),
                Object::Integer(3) => Some(Colours::Rgb),
                Object::Integer(4) => Some(Colours::Cmyk),
                _ => None,
            },
            _ => None,
        },
        b"Indexed" | b"I" => {
            let base = match resolved(document, items.get(1)?) {
                Object::Name(name) => name.as_slice(),
                _ => b"ICCBased",
            };
            let table = match resolved(document, items.get(3)?) {
                Object::String(bytes, _) => bytes.clone(),
                // 256 colours of four bytes
                Object::Stream(stream) => stream.get_plain_content_with_limit(1_024).ok()?,
                _ => return None,
            };
            let step = match base {
                b"DeviceGray" | b"CalGray" | b"G" => 1,
                b"DeviceCMYK" | b"CMYK" => 4,
                _ => 3,
            };
            Some(Colours::Palette(table.chunks(step).map(luma).collect()))
        }
        _ => None,
    }
}

/// The grey value of one colour, by the number of its parts.
fn luma(parts: &[u8]) -> u8 {
    let sum = match parts {
        [grey] => u32::from(*grey),
        [red, green, blue] => {
            (u32::from(*red) * 299 + u32::from(*green) * 587 + u32::from(*blue) * 114) / 1_000
        }
        [cyan, magenta, yellow, black] => {
            let ink = (u32::from(*cyan) + u32::from(*magenta) + u32::from(*yellow)) / 3;
            255u32.saturating_sub(ink + u32::from(*black))
        }
        _ => 255,
    };
    u8::try_from(sum).unwrap_or(u8::MAX)
}

fn grey(
    document: &Document,
    dictionary: &Dictionary,
    width: u32,
    height: u32,
    samples: &[u8],
) -> Option<GrayImage> {
    let mask = ["ImageMask", "IM"]
        .iter()
        .any(|key| matches!(value(document, dictionary, key), Object::Boolean(true)));
    let bits = match (
        value(document, dictionary, "BitsPerComponent"),
        value(document, dictionary, "BPC"),
    ) {
        _ if mask => 1,
        (Object::Integer(bits), _) | (_, Object::Integer(bits)) => usize::try_from(*bits).ok()?,
        _ => 8,
    };
    if ![1, 2, 4, 8, 16].contains(&bits) {
        return None;
    }
    let colours = colours(document, dictionary)?;
    let parts = match colours {
        Colours::Grey | Colours::Palette(_) => 1,
        Colours::Rgb => 3,
        Colours::Cmyk => 4,
    };
    let columns = usize::try_from(width).ok()?;
    let row = (columns * parts * bits).div_ceil(8);
    let mut picture = GrayImage::from_pixel(width, height, image::Luma([255]));
    for (line, pixels) in samples.chunks(row.max(1)).zip(picture.rows_mut()) {
        for (x, pixel) in pixels.enumerate() {
            let mut colour = [0u8; 4];
            for (part, slot) in colour.iter_mut().enumerate().take(parts) {
                *slot = sample(line, x * parts + part, bits);
            }
            pixel.0[0] = match &colours {
                Colours::Palette(table) => {
                    table.get(usize::from(colour[0])).copied().unwrap_or(255)
                }
                _ => luma(spread(colour, bits).get(..parts).unwrap_or_default()),
            };
        }
    }
    Some(picture)
}

/// One sample of a row; of 16 bits the upper eight.
fn sample(line: &[u8], at: usize, bits: usize) -> u8 {
    let byte = |at: usize| line.get(at).copied().unwrap_or(255);
    match bits {
        8 => byte(at),
        16 => byte(at * 2),
        _ => {
            let bit = at * bits;
            let shift = 8 - bits - bit % 8;
            (byte(bit / 8) >> shift) & (u8::MAX >> (8 - bits))
        }
    }
}

/// Samples of few bits over the whole range.
fn spread(colour: [u8; 4], bits: usize) -> [u8; 4] {
    match bits {
        1 => colour.map(|v| v * 255),
        2 => colour.map(|v| v * 85),
        4 => colour.map(|v| v * 17),
        _ => colour,
    }
}
