//! Features as numbers: how rare each is, and what a message's vector is.

use super::features::{Features, Group};

/// Messages that must hold a feature for it to count.
const MIN_MESSAGES: u32 = 2;

/// A sparse vector: places ascending, each once.
pub(super) type Sparse = Vec<(u32, f32)>;

/// How rare the features of each group are: inverse document frequency, zero for
/// what is not known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rarity {
    groups: Vec<Vec<f32>>,
}

/// The place of a hash in a group's table.
pub(super) const fn place(hash: u32, group: Group) -> u32 {
    hash >> (32 - group.bits())
}

impl Rarity {
    /// Learns it from messages: `ln((1 + n) / (1 + n_f)) + 1`.
    pub fn learn<'f>(messages: impl Iterator<Item = &'f Features>) -> Self {
        let mut counts: Vec<Vec<u32>> = Group::ALL
            .iter()
            .map(|group| vec![0; 1 << group.bits()])
            .collect();
        let mut total = 0u32;
        for message in messages {
            total += 1;
            for group in Group::ALL {
                let mut places: Vec<u32> = message
                    .blocks
                    .iter()
                    .filter(|(block, _)| block.group() == group)
                    .flat_map(|(_, features)| features)
                    .map(|(hash, _)| place(*hash, group))
                    .collect();
                places.sort_unstable();
                places.dedup();
                for at in places {
                    if let Some(count) = counts
                        .get_mut(group.index())
                        .and_then(|table| table.get_mut(at as usize))
                    {
                        *count += 1;
                    }
                }
            }
        }
        let rarity = |count: u32| {
            if count < MIN_MESSAGES {
                0.0
            } else {
                (f64::from(1 + total) / f64::from(1 + count)).ln() as f32 + 1.0
            }
        };
        let groups = counts
            .into_iter()
            .map(|table| table.into_iter().map(rarity).collect())
            .collect();
        Self { groups }
    }

    /// The tables, in the order of [`Group::ALL`].
    pub fn tables(&self) -> &[Vec<f32>] {
        &self.groups
    }

    /// From tables of the right lengths; `None` otherwise.
    pub fn from_tables(groups: Vec<Vec<f32>>) -> Option<Self> {
        let fits = groups.len() == Group::COUNT
            && groups
                .iter()
                .zip(Group::ALL)
                .all(|(table, group)| table.len() == 1 << group.bits());
        fits.then_some(Self { groups })
    }

    fn of(&self, group: Group, at: u32) -> f32 {
        self.groups
            .get(group.index())
            .and_then(|table| table.get(at as usize))
            .copied()
            .unwrap_or_default()
    }

    /// A message's vector, a part for each group. Each block has the length of its
    /// weight's root.
    pub fn vector(&self, message: &Features) -> Vec<Sparse> {
        let mut parts: Vec<Sparse> = vec![Vec::new(); Group::COUNT];
        for (block, features) in &message.blocks {
            let group = block.group();
            let mut block_part: Sparse = features
                .iter()
                .filter_map(|(hash, times)| {
                    let at = place(*hash, group);
                    let rarity = self.of(group, at);
                    let times = if block.counts() {
                        1.0 + (*times as f32).ln()
                    } else {
                        1.0
                    };
                    (rarity > 0.0).then_some((at, rarity * times))
                })
                .collect();
            let length: f32 = block_part.iter().map(|(_, value)| value * value).sum();
            if length > 0.0 {
                let scale = (block.weight() / length).sqrt();
                for (_, value) in &mut block_part {
                    *value *= scale;
                }
                if let Some(part) = parts.get_mut(group.index()) {
                    part.extend(block_part);
                }
            }
        }
        for part in &mut parts {
            part.sort_unstable_by_key(|(at, _)| *at);
            part.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        }
        parts
    }
}
