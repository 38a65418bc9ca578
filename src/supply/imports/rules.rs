//! How a file is to be imported, and what came of it.

use std::collections::BTreeMap;
use std::fmt::Display;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::Timestamp;

/// What a file lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Inventory,
    Prices,
}

/// How a file is to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub kind: Kind,
    /// Column → heading.
    pub mapping: BTreeMap<String, String>,
    /// Prices are per instance; this heading says how many GPUs one has.
    pub gpus_heading: Option<String>,
    /// Rows that are refused do not refuse the others.
    pub keep_good: bool,
    /// New offers go on the market at once.
    pub publish: bool,
    /// Id or name of the reclaim terms of new offers.
    pub terms: Option<String>,
}

impl Options {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// A sentence that names the parameter.
    pub fn from_query(pairs: &[(String, String)]) -> Result<Options, String> {
        let mut kind = None;
        let mut per_instance = false;
        let mut options = Options {
            kind: Kind::Inventory,
            mapping: BTreeMap::new(),
            gpus_heading: None,
            keep_good: false,
            publish: false,
            terms: None,
        };
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("kind", "inventory") => kind = Some(Kind::Inventory),
                ("kind", "prices") => kind = Some(Kind::Prices),
                ("map", pair) => {
                    let (column, heading) = pair.split_once('=').ok_or_else(|| {
                        format!("map is column=heading, such as map=accelerator=gpu, not `{pair}`")
                    })?;
                    let earlier = options.mapping.insert(column.to_owned(), heading.to_owned());
                    if earlier.is_some() {
                        return Err(format!("column {column} is mapped twice"));
                    }
                }
                ("per", "gpu") => per_instance = false,
                ("per", "instance") => per_instance = true,
                ("gpus_column", heading) => options.gpus_heading = Some(heading.to_owned()),
                ("keep_good", flag) => options.keep_good = boolean(name, flag)?,
                ("publish", flag) => options.publish = boolean(name, flag)?,
                ("terms", terms) => options.terms = Some(terms.to_owned()),
                ("dry_run", flag) => drop(boolean(name, flag)?),
                ("kind", _) => return Err("kind is inventory or prices".to_owned()),
                ("per", _) => return Err("per is gpu or instance".to_owned()),
                _ => {
                    return Err(format!(
                        "there is no parameter {name}; there are kind, map, per, gpus_column, keep_good, \
                         publish, terms and dry_run"
                    ));
                }
            }
        }
        options.kind = kind.ok_or("say what the file lists: kind=inventory or kind=prices")?;
        match (per_instance, &options.gpus_heading) {
            (true, None) => Err("with per=instance, gpus_column=<heading> says how many GPUs an \
                                 instance has"
                .to_owned()),
            (false, Some(_)) => {
                Err("gpus_column goes with per=instance; prices are per GPU otherwise".to_owned())
            }
            _ => Ok(options),
        }
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| format!("{name} is true or false"))
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Created,
    Updated,
    /// It is as the row says already.
    Unchanged,
    Refused,
}

/// What came of a row, and of what.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RowReport {
    /// 1, 2, … without the headings.
    pub row: usize,
    /// The line of the file where it begins, from 1.
    pub line: u64,
    pub outcome: Outcome,
    /// What the row is about.
    pub what: String,
    /// The pool or offer; a price for several pools has one report for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it is refused, and the way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl RowReport {
    /// A row that did what it says.
    pub fn done(row: (usize, u64), outcome: Outcome, what: String, id: impl Display) -> RowReport {
        let (row, line) = row;
        RowReport { row, line, outcome, what, id: Some(id.to_string()), problem: None }
    }

    /// A row that is refused.
    pub fn refused(row: (usize, u64), what: String, problem: impl Display) -> RowReport {
        let problem = Some(problem.to_string());
        let (row, line) = row;
        RowReport { row, line, outcome: Outcome::Refused, what, id: None, problem }
    }
}

/// What came of a file, row by row.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Report {
    /// Whether anything was written; in a rehearsal and when the file is refused, nothing was, and the
    /// outcomes are what would have come of the rows.
    pub written: bool,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
    pub rows: Vec<RowReport>,
}

impl Report {
    /// Adds a row.
    pub fn add(&mut self, row: RowReport) {
        *match row.outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Refused => &mut self.refused,
        } += 1;
        self.rows.push(row);
    }
}

/// A date or an instant: `2027-01-01`, which begins at midnight UTC, or `2027-01-01T08:00:00Z`.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let instant = text
        .parse::<NaiveDate>()
        .ok()
        .and_then(|date| date.and_hms_opt(0, 0, 0))
        .map(|midnight| midnight.and_utc())
        .or_else(|| text.parse::<Timestamp>().ok());
    instant.filter(|instant| crate::kernel::time::is_in_calendar(*instant)).ok_or_else(|| {
        "a date is written 2027-01-01 or 2027-01-01T08:00:00Z, from 1970 to 2199".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options::from_query(&pairs)
    }

    #[test]
    fn the_query_is_read_whole_or_refused() {
        let read = options(&[
            ("kind", "prices"),
            ("map", "accelerator=gpu"),
            ("map", "rate_per_gpu_hour=a=b"),
            ("per", "instance"),
            ("gpus_column", "gpus"),
            ("dry_run", "true"),
        ])
        .unwrap();
        assert_eq!(read.mapping["rate_per_gpu_hour"], "a=b");
        assert_eq!(read.gpus_heading.as_deref(), Some("gpus"));
        for wrong in [
            &[][..],
            &[("kind", "tariffs")],
            &[("kind", "prices"), ("map", "gpu")],
            &[("kind", "prices"), ("map", "a=b"), ("map", "a=c")],
            &[("kind", "prices"), ("per", "instance")],
            &[("kind", "prices"), ("gpus_column", "gpus")],
            &[("kind", "prices"), ("keep_good", "yes")],
            &[("kind", "prices"), ("keepgood", "true")],
        ] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn dates_and_instants_are_read() {
        let midnight = instant("2027-01-01").unwrap();
        assert_eq!(instant("2027-01-01T01:00:00+01:00").unwrap(), midnight);
        for wrong in ["", "tomorrow", "01/02/2027", "1969-12-31", "9999-01-01", "2027-02-30"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }
}
