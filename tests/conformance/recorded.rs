//! What all the other tests made cross the wires, kept by `tests/run` in the
//! folder that `UNHOOK_EXCHANGES` names.

use std::io::{BufRead as _, BufReader};

use unhook::sim::Exchange;

use super::{Descriptions, Tally, story::USED};

/// Run by the stage `wire` of `tests/run`, after the stage `tests`.
#[test]
#[ignore = "needs the record of a whole run; tests/run asks for it"]
fn all_that_the_tests_made_cross_the_wires_is_as_described() {
    let folder = std::env::var_os("UNHOOK_EXCHANGES").expect("UNHOOK_EXCHANGES names the folder");
    let descriptions = Descriptions::open().expect("tests/run has seen the descriptions");
    let mut tally = Tally::default();
    for entry in std::fs::read_dir(folder).expect("the folder is read") {
        let path = entry.expect("an entry").path();
        let file = std::fs::File::open(&path).expect("opened");
        for line in BufReader::new(file).lines() {
            let exchange: Exchange =
                serde_json::from_str(&line.expect("a line")).expect("an exchange");
            tally.add(&descriptions, &[exchange]);
        }
    }
    tally.print();
    let seen = tally.seen();
    let missing: Vec<_> = USED.iter().filter(|used| !seen.contains(*used)).collect();
    assert!(missing.is_empty(), "not in the record: {missing:?}");
    tally.assert_clean();
}
