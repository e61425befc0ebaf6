//! QR codes that a page draws: as rectangles, or as a picture among the operators.

use image::{GrayImage, Luma};
use lopdf::{Document, Object, content::Content};

use super::{
    super::{open::Open, picture},
    images,
};

/// Fewer rectangles draw no code: the smallest has more dark runs.
const MIN_RECTANGLES: usize = 60;
/// Rectangles that are drawn; each costs its pixels.
const MAX_RECTANGLES: usize = 20_000;
/// The longer side of the drawing, in pixels.
const SIDE: f32 = 600.0;

/// A filled rectangle on the page.
#[derive(Debug, Clone, Copy)]
struct Filled {
    left: f32,
    low: f32,
    right: f32,
    high: f32,
    dark: bool,
}

/// A transformation as the `cm` operator gives it (ISO 32000-1 section 8.3.4).
type Matrix = [f32; 6];

/// Reads the operators of a page.
pub(super) fn look(file: &mut Open<'_, '_>, document: &Document, content: &[u8]) {
    let inline = memchr::memmem::find(content, b"BI").is_some();
    let rectangles = memchr::memmem::find_iter(content, b"re")
        .take(MIN_RECTANGLES)
        .count();
    if !inline && rectangles < MIN_RECTANGLES {
        return;
    }
    let Ok(content) = Content::decode(content) else {
        return;
    };
    let mut filled: Vec<Filled> = Vec::new();
    let mut path: Vec<Filled> = Vec::new();
    let mut matrix: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let mut dark = true;
    let mut saved: Vec<(Matrix, bool)> = Vec::new();
    for operation in &content.operations {
        let numbers: Vec<f32> = operation
            .operands
            .iter()
            .take(6)
            .filter_map(number)
            .collect();
        match (operation.operator.as_str(), numbers.as_slice()) {
            ("q", _) if saved.len() < 100 => saved.push((matrix, dark)),
            ("Q", _) => {
                if let Some(state) = saved.pop() {
                    (matrix, dark) = state;
                }
            }
            ("cm", [a, b, c, d, e, f]) => matrix = times([*a, *b, *c, *d, *e, *f], matrix),
            ("g" | "sc" | "scn", [grey]) => dark = *grey < 0.5,
            ("rg" | "sc" | "scn", [r, g, b]) => dark = r * 0.299 + g * 0.587 + b * 0.114 < 0.5,
            ("k" | "sc" | "scn", [c, m, y, k]) => dark = k + (c + m + y) / 3.0 > 0.5,
            ("re", [x, y, w, h]) if path.len() < MAX_RECTANGLES => {
                path.push(rectangle(matrix, [*x, *y, x + w, y + h], dark));
            }
            ("f" | "F" | "f*" | "B" | "B*" | "b" | "b*", _) => {
                filled.extend(path.drain(..).map(|part| Filled { dark, ..part }));
                filled.truncate(MAX_RECTANGLES);
            }
            ("n" | "S" | "s", _) => path.clear(),
            ("BI", _) => {
                for operand in &operation.operands {
                    if let Object::Stream(stream) = operand {
                        images::look(file, document, stream);
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(picture) = drawing(&filled) {
        picture::codes_of_luma(file, picture);
    }
}

fn number(object: &Object) -> Option<f32> {
    object.as_float().ok().filter(|number| number.is_finite())
}

fn times(one: Matrix, two: Matrix) -> Matrix {
    let [a, b, c, d, e, f] = one;
    let [g, h, i, j, k, l] = two;
    [
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + l,
    ]
}

fn rectangle(matrix: Matrix, [x, y, right, high]: [f32; 4], dark: bool) -> Filled {
    let [a, b, c, d, e, f] = matrix;
    let corner = |x: f32, y: f32| (a * x + c * y + e, b * x + d * y + f);
    let ((left, low), (right, high)) = (corner(x, y), corner(right, high));
    Filled {
        left: left.min(right),
        low: low.min(high),
        right: left.max(right),
        high: low.max(high),
        dark,
    }
}

/// Draws what is small enough to be a module or a row of them, where it lies
/// densest: everything dark that is no background.
fn drawing(filled: &[Filled]) -> Option<GrayImage> {
    let dark: Vec<&Filled> = filled
        .iter()
        .filter(|part| part.dark && part.right > part.left && part.high > part.low)
        .collect();
    if dark.len() < MIN_RECTANGLES {
        return None;
    }
    let bound = |pick: fn(&Filled) -> f32, least: bool| {
        dark.iter().map(|part| pick(part)).fold(
            if least {
                f32::INFINITY
            } else {
                f32::NEG_INFINITY
            },
            if least { f32::min } else { f32::max },
        )
    };
    let (left, right) = (bound(|p| p.left, true), bound(|p| p.right, false));
    let (low, high) = (bound(|p| p.low, true), bound(|p| p.high, false));
    let span = (right - left).max(high - low);
    if !span.is_finite() || span <= 0.0 {
        return None;
    }
    let scale = SIDE / span;
    // between 0 and SIDE, so that nothing is cut off
    let pixel = |value: f32| (value * scale).round().clamp(0.0, SIDE) as u32;
    let margin = 40;
    let mut picture = GrayImage::from_pixel(
        pixel(right - left) + 2 * margin,
        pixel(high - low) + 2 * margin,
        Luma([255]),
    );
    // a page-sized cover costs its pixels each time it is drawn
    let mut room = 40_000_000u64;
    for part in filled {
        let (x, width) = (pixel(part.left - left), pixel(part.right - left));
        let (y, height) = (pixel(high - part.high), pixel(high - part.low));
        room =
            room.checked_sub(u64::from(width - x.min(width)) * u64::from(height - y.min(height)))?;
        let shade = Luma([if part.dark { 0 } else { 255 }]);
        for row in y..height {
            for column in x..width {
                if let Some(slot) = picture.get_pixel_mut_checked(column + margin, row + margin) {
                    *slot = shade;
                }
            }
        }
    }
    Some(picture)
}
