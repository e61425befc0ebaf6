//! How the organisation reports, for those who run it: groups, never people.
//!
//! A group with fewer people than the configuration allows is not shown. Neither is the
//! next smallest, where what is left out could be worked out from the total.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Months, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

use crate::{
    app::App,
    store::{StoreError, vote::HouseVotes},
};

/// Settled reports of a group of people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupStatistics {
    /// The mail domain; empty for all together, `(none)` for people without an address.
    pub group: String,
    /// People with settled reports.
    pub people: u64,
    /// Their settled cases, each counted once a person.
    pub reports: u64,
    /// How the cases ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How right they were, 0 to 1.
    pub right: f64,
}

/// What may be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// The month in which the cases were settled, as its first day.
    pub month: NaiveDate,
    /// People that a group has at least.
    pub smallest_group: u32,
    /// All together; none where even they are too few.
    pub all: Option<GroupStatistics>,
    /// The groups that are large enough.
    pub groups: Vec<GroupStatistics>,
    /// Groups that are not shown.
    pub hidden: usize,
}

/// Why there are no statistics.
#[derive(Debug, thiserror::Error)]
pub enum StatisticsError {
    /// Reputation is switched off.
    #[error("reporters.reputation is switched off")]
    Off,
    /// The month is not over yet, or is none.
    #[error("must be a month that is over, as 2026-10")]
    Month,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The statistics of one calendar month that is over (UTC); the last one when `None`. The
/// windows are fixed and never overlap, so that no two answers differ by one person.
///
/// # Errors
/// See [`StatisticsError`].
pub async fn statistics(app: &App, month: Option<&str>) -> Result<Statistics, StatisticsError> {
    let reputation = &app.config.reporters.reputation;
    if !reputation.enabled {
        return Err(StatisticsError::Off);
    }
    let (from, until) = closed_month(month, app.clock.now()).ok_or(StatisticsError::Month)?;
    let rows = app.store.read(app.tenant);
    let houses = rows.votes_by_house(start(from), start(until)).await?;
    Ok(shown(&houses, from, reputation.smallest_group))
}

/// A month that is over, and the one after it, each by its first day.
fn closed_month(wanted: Option<&str>, now: DateTime<Utc>) -> Option<(NaiveDate, NaiveDate)> {
    let this = now.date_naive().with_day(1)?;
    let from = match wanted {
        None => this.checked_sub_months(Months::new(1))?,
        Some(month) => NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()?,
    };
    let until = from.checked_add_months(Months::new(1))?;
    (until <= this).then_some((from, until))
}

fn start(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn shown(
    houses: &BTreeMap<String, HouseVotes>,
    month: NaiveDate,
    smallest_group: u32,
) -> Statistics {
    let least = u64::from(smallest_group);
    let mut total = HouseVotes::default();
    for house in houses.values() {
        total.people += house.people;
        total.votes += house.votes;
        total.credit.0 += house.credit.0;
        total.credit.1 += house.credit.1;
        for (outcome, count) in &house.outcomes {
            *total.outcomes.entry(outcome).or_default() += count;
        }
    }
    let (mut large, small): (Vec<_>, Vec<_>) =
        houses.iter().partition(|(_, house)| house.people >= least);
    large.sort_by(|a, b| b.1.people.cmp(&a.1.people).then_with(|| a.0.cmp(b.0)));
    let mut hidden = small.len();
    let mut left_out: u64 = small.iter().map(|(_, house)| house.people).sum();
    // the total less what is shown must not show a group that is too small
    while hidden > 0
        && left_out < least
        && large.pop().is_some_and(|(_, house)| {
            left_out += house.people;
            hidden += 1;
            true
        })
    {}
    Statistics {
        month,
        smallest_group,
        all: (total.people >= least).then(|| group("", &total)),
        groups: large
            .into_iter()
            .map(|(name, house)| group(if name.is_empty() { "(none)" } else { name }, house))
            .collect(),
        hidden,
    }
}

fn group(name: &str, house: &HouseVotes) -> GroupStatistics {
    let (right, all) = house.credit;
    GroupStatistics {
        group: name.to_owned(),
        people: house.people,
        reports: house.votes,
        outcomes: house.outcomes.clone(),
        right: if all > 0.0 { right / all } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn houses(sizes: &[(&str, u64)]) -> BTreeMap<String, HouseVotes> {
        let house = |people: u64| HouseVotes {
            people,
            votes: people * 2,
            outcomes: [("malicious", people)].into(),
            credit: (people as f64, people as f64 * 2.0),
        };
        sizes
            .iter()
            .map(|(name, people)| ((*name).to_owned(), house(*people)))
            .collect()
    }

    fn names(statistics: &Statistics) -> Vec<&str> {
        statistics.groups.iter().map(|g| g.group.as_str()).collect()
    }

    #[test]
    fn a_group_that_is_too_small_is_not_shown_and_cannot_be_worked_out() {
        let month = NaiveDate::MIN;
        let all = shown(&houses(&[("a.example", 40), ("b.example", 12)]), month, 10);
        assert_eq!(names(&all), ["a.example", "b.example"]);
        assert_eq!(all.all.as_ref().map(|all| all.people), Some(52));
        assert!((all.groups[0].right - 0.5).abs() < 1e-9);

        // alone, what is hidden would be the total less what is shown
        let sizes = [("a.example", 40), ("b.example", 12), ("c.example", 3)];
        let one_small = shown(&houses(&sizes), month, 10);
        assert_eq!(names(&one_small), ["a.example"]);
        assert_eq!(one_small.hidden, 2);

        let sizes = [("a.example", 40), ("b.example", 9), ("c.example", 3)];
        let two_small = shown(&houses(&sizes), month, 10);
        assert_eq!(
            (names(&two_small), two_small.hidden),
            (vec!["a.example"], 2)
        );

        let few = shown(&houses(&[("a.example", 4)]), month, 10);
        assert!(few.all.is_none() && few.groups.is_empty());
    }

    #[test]
    fn where_all_but_one_group_is_hidden_so_is_that_one() {
        let month = NaiveDate::MIN;
        let sizes = [("a.example", 30), ("b.example", 2)];
        let hidden = shown(&houses(&sizes), month, 10);
        assert!(hidden.groups.is_empty(), "32 less 30 would be two people");
        assert_eq!(hidden.all.map(|all| all.people), Some(32));
    }

    #[test]
    fn only_months_that_are_over_are_shown() {
        let now = start(NaiveDate::from_ymd_opt(2026, 11, 23).expect("a day"));
        let of = |month| closed_month(month, now).map(|(from, _)| from.to_string());
        assert_eq!(of(None).as_deref(), Some("2026-10-01"));
        assert_eq!(of(Some("2026-10")).as_deref(), Some("2026-10-01"));
        for bad in ["2026-11", "2027-01", "2026-13", "x", "", "2026-10-05"] {
            assert_eq!(of(Some(bad)), None, "{bad}");
        }
    }
}
