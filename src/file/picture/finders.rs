//! The finder patterns of QR codes: whether a picture is worth a search at all.
//!
//! A pattern is dark, light, dark, light, dark in the ratio 1:1:3:1:1, across and
//! down (ISO/IEC 18004 section 6.3.3); with light and dark exchanged in an inverted
//! code. Both are looked for in one pass. The search itself has local thresholds;
//! this count only guards it.

use image::{GrayImage, Luma};

/// Finder patterns of a picture that is searched. The search compares each with
/// each, and no honest picture has so many.
pub(super) const MAX_FINDERS: usize = 60;
/// Pixels that are looked at together.
const TOGETHER: usize = 64;
/// Rows from one that is looked at to the next: the core is three modules tall, so
/// none is missed even at one pixel a module.
const STEP: usize = 2;

/// How many patterns a picture seems to have, each counted to just past
/// [`MAX_FINDERS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Finders {
    /// Dark on light.
    pub dark: usize,
    /// Light on dark.
    pub light: usize,
}

impl Finders {
    /// Those of a picture, by its mean and, since that misleads where a picture is
    /// mostly light or mostly dark, by the middle of the scale.
    pub fn of(picture: &GrayImage) -> Self {
        let sum: u64 = picture.as_raw().iter().map(|v| u64::from(*v)).sum();
        let mean = sum / (picture.as_raw().len().max(1) as u64);
        let mean = u8::try_from(mean).unwrap_or(u8::MAX);
        let first = Pass::of(picture, mean);
        if mean.abs_diff(128) < 8 || first.is_full() {
            return first;
        }
        let second = Pass::of(picture, 128);
        Self {
            dark: first.dark.max(second.dark),
            light: first.light.max(second.light),
        }
    }

    /// Whether there may be a code at all: it has three patterns of one colour.
    pub const fn any(self) -> bool {
        self.dark >= 3 || self.light >= 3
    }

    const fn is_full(self) -> bool {
        self.dark > MAX_FINDERS && self.light > MAX_FINDERS
    }
}

/// One look at a picture with one threshold.
struct Pass<'p> {
    picture: &'p GrayImage,
    threshold: u8,
    /// Centres of what looks like a pattern across, with the core's width.
    dark: Vec<(u32, u32, u32)>,
    light: Vec<(u32, u32, u32)>,
}

impl<'p> Pass<'p> {
    fn of(picture: &'p GrayImage, threshold: u8) -> Finders {
        let mut pass = Pass {
            picture,
            threshold,
            dark: Vec::new(),
            light: Vec::new(),
        };
        let width = usize::try_from(picture.width())
            .unwrap_or(usize::MAX)
            .max(1);
        for (y, row) in picture
            .as_raw()
            .chunks_exact(width)
            .enumerate()
            .step_by(STEP)
        {
            pass.row(u32::try_from(y).unwrap_or(u32::MAX), row);
        }
        Finders {
            dark: pass.standing(true),
            light: pass.standing(false),
        }
    }

    /// Finds the runs of one row by the edges between them.
    fn row(&mut self, y: u32, row: &[u8]) {
        let mut runs = [0u32; 5];
        let mut began = 0u32;
        let mut dark = row.first().is_some_and(|value| *value < self.threshold);
        for (index, pixels) in row.chunks(TOGETHER).enumerate() {
            let base = u32::try_from(index * TOGETHER).unwrap_or(u32::MAX);
            let mask = below(pixels, self.threshold, dark);
            let mut edges = mask ^ ((mask << 1) | u64::from(dark));
            while edges != 0 {
                let x = base + edges.trailing_zeros();
                edges &= edges - 1;
                runs.rotate_left(1);
                runs[4] = x - began;
                began = x;
                self.run(runs, dark, x, y);
                dark = !dark;
            }
        }
        let end = u32::try_from(row.len()).unwrap_or(u32::MAX);
        runs.rotate_left(1);
        runs[4] = end - began;
        self.run(runs, dark, end, y);
    }

    /// A run has ended before `x`.
    fn run(&mut self, runs: [u32; 5], dark: bool, x: u32, y: u32) {
        if !is_finder(runs) {
            return;
        }
        let centres = if dark {
            &mut self.dark
        } else {
            &mut self.light
        };
        if centres.len() > MAX_FINDERS * 4 {
            return;
        }
        let centre = x.saturating_sub(runs[4] + runs[3] + runs[2] / 2 + 1);
        let core = runs[2];
        let near =
            |(a, b, _): &(u32, u32, u32)| a.abs_diff(centre) <= core && b.abs_diff(y) <= core;
        if !centres.iter().rev().any(near) {
            centres.push((centre, y, core));
        }
    }

    fn standing(&self, dark: bool) -> usize {
        let centres = if dark { &self.dark } else { &self.light };
        if centres.len() > MAX_FINDERS * 4 {
            return centres.len();
        }
        let mut cores: Vec<u32> = centres
            .iter()
            .filter(|(x, y, _)| self.stands(*x, *y, dark))
            .map(|(_, _, core)| *core)
            .collect();
        cores.sort_unstable();
        // the three of one code are of one size, turned or not
        let alike = cores
            .windows(3)
            .any(|three| matches!(three, [small, _, large] if *large <= small * 2));
        if alike { cores.len() } else { 0 }
    }

    /// Whether the column through a centre has the pattern too, roughly: a core
    /// between rings.
    fn stands(&self, x: u32, y: u32, dark: bool) -> bool {
        let height = self.picture.height();
        let x = x.min(self.picture.width().saturating_sub(1));
        let core_at = |y: u32| {
            let pixel = self.picture.get_pixel_checked(x, y);
            pixel.is_some_and(|Luma([value])| (*value < self.threshold) == dark)
        };
        let length = |from: u32, down: bool, wanted: bool| {
            let mut at = from;
            let mut count = 0u32;
            while at < height && core_at(at) == wanted && count < 2_000 {
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
}

/// Which of at most 64 pixels are below a threshold, the first as the lowest bit.
/// What is missing repeats the last pixel, so that no edge is there.
fn below(pixels: &[u8], threshold: u8, before: bool) -> u64 {
    let mut flags = [0u8; TOGETHER];
    for (flag, value) in flags.iter_mut().zip(pixels) {
        *flag = u8::from(*value < threshold);
    }
    let mut mask = 0;
    for (index, eight) in flags.chunks_exact(8).enumerate() {
        let eight = eight
            .iter()
            .rev()
            .fold(0u64, |all, flag| (all << 8) | u64::from(*flag));
        // eight bytes of 0 or 1 become eight bits
        let bits = eight.wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (8 * index);
    }
    if pixels.len() < TOGETHER {
        let last = pixels.last().map_or(before, |value| *value < threshold);
        if last {
            mask |= u64::MAX << pixels.len();
        }
    }
    mask
}

fn is_finder([a, b, c, d, e]: [u32; 5]) -> bool {
    // most runs of a photograph end here
    if c <= b || c <= d || a == 0 {
        return false;
    }
    let total = a + b + c + d + e;
    // half a module of slack, and a whole one and a half for the core
    let close = |run: u32, modules: u32| {
        (run * 7).abs_diff(total * modules) * 2 <= total * modules.min(2) + 7
    };
    total >= 7 && close(a, 1) && close(b, 1) && close(c, 3) && close(d, 1) && close(e, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_bits_in_order() {
        let pixels: Vec<u8> = (0..64).map(|i| if i % 3 == 0 { 10 } else { 200 }).collect();
        let expected = (0..64).filter(|i| i % 3 == 0).fold(0u64, |m, i| m | 1 << i);
        assert_eq!(below(&pixels, 128, false), expected);
        assert_eq!(below(&[10], 128, false), u64::MAX);
        assert_eq!(below(&[200, 200], 128, true), 0);
    }

    #[test]
    fn a_code_has_three_of_its_colour() {
        for module in [1, 2, 5] {
            let mut code = super::super::tests::qr("https://login.example/qr?id=77", module);
            let seen = Finders::of(&code);
            assert!((3..=8).contains(&seen.dark), "{module}: {seen:?}");
            image::imageops::invert(&mut code);
            let seen = Finders::of(&code);
            assert!((3..=8).contains(&seen.light), "{module}: {seen:?}");
        }
        assert_eq!(
            Finders::of(&GrayImage::from_pixel(300, 300, Luma([90]))),
            Finders::default()
        );
    }
}
