//! The figures of a run.

use serde::Serialize;

/// What came of one seed, or of many.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    pub seeds: u64,
    pub rounds: u64,
    pub kills: u64,
    pub restarts: u64,
    /// How often all connections of the database were ended.
    pub database_restarts: u64,
    pub reports: u64,
    pub orders: u64,
    pub refused: u64,
    /// Orders that failed while the database went away.
    pub failed: u64,
    /// Moves that the simulator saw, out of reach and back.
    pub pulls: u64,
    pub restores: u64,
    pub letters: u64,
    pub provider_calls: u64,
    pub faults: u64,
    pub most_memory_kib: u64,
    pub most_files: u64,
    pub simulated_minutes: i64,
    pub violations: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.rounds += other.rounds;
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.database_restarts += other.database_restarts;
        self.reports += other.reports;
        self.orders += other.orders;
        self.refused += other.refused;
        self.failed += other.failed;
        self.pulls += other.pulls;
        self.restores += other.restores;
        self.letters += other.letters;
        self.provider_calls += other.provider_calls;
        self.faults += other.faults;
        self.most_memory_kib = self.most_memory_kib.max(other.most_memory_kib);
        self.most_files = self.most_files.max(other.most_files);
        self.simulated_minutes += other.simulated_minutes;
        self.violations.extend(other.violations);
    }
}
