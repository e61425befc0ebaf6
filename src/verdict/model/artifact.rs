//! The model as a file: a line of JSON that says where it comes from, then packed
//! weights, then a digest of all before it.
//!
//! ```text
//! unhook-model 1\n
//! {provenance}\n
//! deflate( bias, then for each group: scales, rarities, weights; held-back; digests )
//! SHA-256 of everything above, 32 bytes
//! ```

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Class, Group, Model, PerClass, table::Rarity};

const MAGIC: &[u8] = b"unhook-model 1\n";
/// Bytes of a model file.
const MAX_FILE: usize = 64 << 20;
/// Bytes of the line that says where it comes from.
const MAX_HEADER: usize = 1 << 20;
/// Rarities are kept in steps of this, from one upward.
const RARITY_STEP: f32 = 1.0 / 24.0;

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Messages of each class it was trained on.
    pub examples: std::collections::BTreeMap<String, usize>,
    /// Version of the rules whose findings it has seen.
    pub rules_version: String,
    /// What it was trained on, in words.
    pub trained_on: String,
}

/// Why a file is no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadModel {
    /// Another kind of file, or of another version.
    #[error("it does not begin as a model of this version; train it anew: unhook model train")]
    Magic,
    /// Its digest does not fit: it was cut short or changed.
    #[error("it is damaged: its digest does not fit what it holds; copy it again")]
    Digest,
    /// Too large to be one.
    #[error("it is larger than {} MiB", MAX_FILE >> 20)]
    TooLarge,
    /// Not what this version writes.
    #[error("its {0} cannot be read; it was written by another version")]
    Content(&'static str),
}

/// What a model file holds beside the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// For every example its class and the probabilities when it was held back:
    /// what thresholds are computed from.
    pub held_back: Vec<(Class, PerClass)>,
    /// The first eight bytes of the SHA-256 of every example, sorted: a message the
    /// model was trained on proves nothing.
    pub digests: Vec<u64>,
}

impl Model {
    /// With its numbers as a file holds them, so that what is measured is what is
    /// shipped.
    #[must_use]
    pub(super) fn rounded(mut self) -> Self {
        let tables = self
            .rarity
            .tables()
            .iter()
            .map(|table| table.iter().map(|value| plain(code(*value))).collect())
            .collect();
        if let Some(rarity) = Rarity::from_tables(tables) {
            self.rarity = rarity;
        }
        for table in &mut self.weights {
            let scales = scales(table);
            for cell in table.iter_mut() {
                for (weight, scale) in cell.iter_mut().zip(scales) {
                    *weight = f32::from(short(*weight, scale)) * scale;
                }
            }
        }
        self
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self, kept: &Kept) -> Vec<u8> {
        let mut raw = Vec::new();
        for bias in self.bias {
            raw.extend(bias.to_le_bytes());
        }
        for (rarities, weights) in self.rarity.tables().iter().zip(&self.weights) {
            let scales = scales(weights);
            for scale in scales {
                raw.extend(scale.to_le_bytes());
            }
            raw.extend(rarities.iter().map(|value| code(*value)));
            for (class, scale) in scales.into_iter().enumerate() {
                let column = rarities
                    .iter()
                    .zip(weights)
                    .filter(|(rarity, _)| **rarity > 0.0)
                    .filter_map(|(_, cell)| cell.get(class));
                let column: Vec<i16> = column.map(|weight| short(*weight, scale)).collect();
                // low and high bytes apart: the high ones are mostly alike
                raw.extend(column.iter().map(|value| value.to_le_bytes()[0]));
                raw.extend(column.iter().map(|value| value.to_le_bytes()[1]));
            }
        }
        raw.extend(length(kept.held_back.len()));
        for (class, shares) in &kept.held_back {
            raw.push(class.index() as u8);
            for share in shares {
                raw.extend(((share * 65_535.0).round() as u16).to_le_bytes());
            }
        }
        raw.extend(length(kept.digests.len()));
        for digest in &kept.digests {
            raw.extend(digest.to_le_bytes());
        }
        let mut file = MAGIC.to_vec();
        file.extend(serde_json::to_vec(&self.provenance).unwrap_or_default());
        file.push(b'\n');
        let mut packed = DeflateEncoder::new(file, Compression::best());
        // a vector takes everything
        let _ = packed.write_all(&raw);
        let mut file = packed.finish().unwrap_or_default();
        let digest = Sha256::digest(&file);
        file.extend(digest);
        file
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BadModel`].
    pub fn from_bytes(file: &[u8]) -> Result<(Self, Kept), BadModel> {
        if file.len() > MAX_FILE {
            return Err(BadModel::TooLarge);
        }
        if !file.starts_with(MAGIC) {
            return Err(BadModel::Magic);
        }
        let (body, digest) = file.split_last_chunk::<32>().ok_or(BadModel::Digest)?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(BadModel::Digest);
        }
        let rest = body.get(MAGIC.len()..).unwrap_or_default();
        let end = rest
            .iter()
            .take(MAX_HEADER)
            .position(|byte| *byte == b'\n')
            .ok_or(BadModel::Content("first line"))?;
        let (header, packed) = rest.split_at(end);
        let provenance: Provenance =
            serde_json::from_slice(header).map_err(|_| BadModel::Content("first line"))?;
        let mut raw = Vec::new();
        DeflateDecoder::new(packed.get(1..).unwrap_or_default())
            .take(MAX_FILE as u64)
            .read_to_end(&mut raw)
            .map_err(|_| BadModel::Content("packing"))?;
        let mut reader = Reader(&raw);
        let mut model = reader.model(provenance)?;
        model.version = hex::encode(digest.first_chunk::<6>().copied().unwrap_or_default());
        let kept = reader.kept()?;
        if reader.0.is_empty() {
            Ok((model, kept))
        } else {
            Err(BadModel::Content("end"))
        }
    }
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

fn code(rarity: f32) -> u8 {
    if rarity <= 0.0 {
        return 0;
    }
    ((rarity - 1.0) / RARITY_STEP).round().clamp(0.0, 254.0) as u8 + 1
}

fn plain(code: u8) -> f32 {
    match code {
        0 => 0.0,
        code => 1.0 + f32::from(code - 1) * RARITY_STEP,
    }
}

/// The step of each class's weights: the largest is 32,767 of it.
fn scales(table: &[[f32; Class::COUNT]]) -> [f32; Class::COUNT] {
    let mut most = [0.0f32; Class::COUNT];
    for cell in table {
        for (most, weight) in most.iter_mut().zip(cell) {
            *most = most.max(weight.abs());
        }
    }
    most.map(|most| if most > 0.0 { most / 32_767.0 } else { 1.0 })
}

fn short(weight: f32, scale: f32) -> i16 {
    (weight / scale).round().clamp(-32_767.0, 32_767.0) as i16
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], BadModel> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or(BadModel::Content("length"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadModel> {
        let head = self.take(N)?;
        head.try_into().map_err(|_| BadModel::Content("length"))
    }

    fn model(&mut self, provenance: Provenance) -> Result<Model, BadModel> {
        let mut bias = [0.0; Class::COUNT];
        for bias in &mut bias {
            *bias = f64::from_le_bytes(self.array()?);
            if !bias.is_finite() {
                return Err(BadModel::Content("bias"));
            }
        }
        let mut rarities = Vec::new();
        let mut weights = Vec::new();
        for group in Group::ALL {
            let mut scales = [0.0f32; Class::COUNT];
            for scale in &mut scales {
                *scale = f32::from_le_bytes(self.array()?);
                if !scale.is_finite() {
                    return Err(BadModel::Content("scale"));
                }
            }
            let codes = self.take(1 << group.bits())?;
            let known = codes.iter().filter(|code| **code > 0).count();
            let mut table = vec![[0.0f32; Class::COUNT]; codes.len()];
            for (class, scale) in scales.into_iter().enumerate() {
                let low = self.take(known)?;
                let high = self.take(known)?;
                let cells = table
                    .iter_mut()
                    .zip(codes)
                    .filter(|(_, code)| **code > 0)
                    .map(|(cell, _)| cell);
                for (cell, (low, high)) in cells.zip(low.iter().zip(high)) {
                    if let Some(weight) = cell.get_mut(class) {
                        *weight = f32::from(i16::from_le_bytes([*low, *high])) * scale;
                    }
                }
            }
            rarities.push(codes.iter().map(|code| plain(*code)).collect());
            weights.push(table);
        }
        let rarity = Rarity::from_tables(rarities).ok_or(BadModel::Content("table"))?;
        Ok(Model {
            rarity,
            weights,
            bias,
            provenance,
            version: String::new(),
        })
    }

    fn kept(&mut self) -> Result<Kept, BadModel> {
        let mut kept = Kept::default();
        for _ in 0..u32::from_le_bytes(self.array()?) {
            let [class] = self.array()?;
            let class = Class::ALL
                .get(usize::from(class))
                .ok_or(BadModel::Content("class"))?;
            let mut shares = [0.0; Class::COUNT];
            for share in &mut shares {
                *share = f64::from(u16::from_le_bytes(self.array()?)) / 65_535.0;
            }
            kept.held_back.push((*class, shares));
        }
        for _ in 0..u32::from_le_bytes(self.array()?) {
            kept.digests.push(u64::from_le_bytes(self.array()?));
        }
        Ok(kept)
    }
}
