//! A CSV file as rows with named cells. Pure.
//!
//! Takes what spreadsheets write: CRLF, a byte order mark, quotes, commas, semicolons or tabs. A row
//! that cannot be read is kept as such, so that the report can name it; headings that cannot be read
//! refuse the file.

use std::collections::BTreeMap;
use std::str::FromStr;

use csv::{ByteRecord, StringRecord};
use serde::Serialize;

/// Most rows of a file.
pub const ROWS_MAX: usize = 200_000;

/// A column that an import knows.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub is_required: bool,
}

/// A column that every file of a kind has.
pub const fn required(name: &'static str) -> Column {
    Column { name, is_required: true }
}

/// A column that may be missing.
pub const fn optional(name: &'static str) -> Column {
    Column { name, is_required: false }
}

/// Why a whole file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the file is empty; its first line names the columns")]
    Empty,
    #[error("the file has headings and no rows")]
    NoRows,
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    #[error("the headings are not UTF-8; save the file as UTF-8")]
    HeadingsNotUtf8,
    #[error("the file has more than {ROWS_MAX} rows; import it in parts")]
    TooManyRows,
    #[error("{}", .0)]
    Columns(Box<ColumnProblem>),
}

/// Headings and columns do not come together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{detail}")]
pub struct ColumnProblem {
    #[serde(skip)]
    pub detail: String,
    pub columns_missing: Vec<String>,
    pub columns_known: Vec<String>,
    pub columns_found: Vec<String>,
}

/// A file as it was read.
#[derive(Debug)]
pub struct Table {
    index: BTreeMap<&'static str, usize>,
    pub rows: Vec<Row>,
}

/// A row, or why it cannot be read.
#[derive(Debug)]
pub struct Row {
    /// 1, 2, … without the headings.
    pub row: usize,
    /// Where it begins in the file, from 1.
    pub line: u64,
    record: Result<StringRecord, String>,
}

impl Table {
    /// Reads `bytes`; `mapping` names the heading of a column where that is not its name.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(
        bytes: &[u8],
        columns: &[Column],
        mapping: &BTreeMap<String, String>,
    ) -> Result<Table, Unreadable> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(Unreadable::Utf16);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.trim_ascii().is_empty() {
            return Err(Unreadable::Empty);
        }
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).from_reader(bytes);
        let headings = reader.headers().map_err(|_| Unreadable::HeadingsNotUtf8)?.clone();
        let headings: Vec<&str> = headings.iter().map(str::trim).collect();
        let index = columns_of(&headings, columns, mapping)?;
        let mut rows = Vec::new();
        let mut record = ByteRecord::new();
        // Reading bytes fails in no other way than at the end.
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            if rows.len() == ROWS_MAX {
                return Err(Unreadable::TooManyRows);
            }
            let line = record.position().map_or(0, csv::Position::line);
            rows.push(Row { row: rows.len() + 1, line, record: text(&record, headings.len()) });
        }
        if rows.is_empty() {
            return Err(Unreadable::NoRows);
        }
        Ok(Table { index, rows })
    }

    /// The cells of `row`.
    ///
    /// # Errors
    /// A sentence, if it cannot be read.
    pub fn cells<'t>(&'t self, row: &'t Row) -> Result<Cells<'t>, String> {
        let record = row.record.as_ref().map_err(Clone::clone)?;
        Ok(Cells { index: &self.index, record })
    }
}

/// Whichever of comma, semicolon and tab is most frequent among the headings.
fn delimiter(bytes: &[u8]) -> u8 {
    let headings = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |mark: u8| headings.iter().filter(|byte| **byte == mark).count();
    [b'\t', b';', b','].into_iter().max_by_key(|mark| count(*mark)).unwrap_or(b',')
}

fn text(record: &ByteRecord, columns: usize) -> Result<StringRecord, String> {
    if record.len() != columns {
        let cells = record.len();
        return Err(format!("the row has {cells} cells where the headings are {columns}"));
    }
    let record = StringRecord::from_byte_record(record.clone())
        .map_err(|_| "the row is not UTF-8; save the file as UTF-8".to_owned())?;
    if record.iter().any(|cell| cell.contains('\0')) {
        return Err("the row contains the character NUL".to_owned());
    }
    Ok(record)
}

fn columns_of(
    headings: &[&str],
    columns: &[Column],
    mapping: &BTreeMap<String, String>,
) -> Result<BTreeMap<&'static str, usize>, Unreadable> {
    let problem = |detail: String, missing: Vec<String>| {
        Unreadable::Columns(Box::new(ColumnProblem {
            detail,
            columns_missing: missing,
            columns_known: columns.iter().map(|column| column.name.to_owned()).collect(),
            columns_found: headings.iter().map(|heading| (*heading).to_owned()).collect(),
        }))
    };
    let found = headings.join(", ");
    if let Some(name) = mapping.keys().find(|name| columns.iter().all(|one| one.name != **name)) {
        let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let known = known.join(", ");
        return Err(problem(
            format!("there is no column {name} to map; there are {known}"),
            vec![],
        ));
    }
    let mut index = BTreeMap::new();
    let mut missing = Vec::new();
    for column in columns {
        let wanted = mapping.get(column.name).map_or(column.name, String::as_str).trim();
        let mut places =
            (0..headings.len()).filter(|&at| headings[at].eq_ignore_ascii_case(wanted));
        match (places.next(), places.next()) {
            (Some(_), Some(_)) => {
                let detail = format!("the heading {wanted} occurs twice; rename one of them");
                return Err(problem(detail, vec![]));
            }
            (Some(at), None) => drop(index.insert(column.name, at)),
            (None, _) if mapping.contains_key(column.name) => {
                let detail = format!(
                    "no heading is {wanted}, which column {} is mapped to; the file has {found}",
                    column.name
                );
                return Err(problem(detail, vec![]));
            }
            (None, _) if column.is_required => missing.push(column.name.to_owned()),
            (None, _) => {}
        }
    }
    if let Some(first) = missing.first() {
        let detail = format!(
            "no heading is {}; the file has {found}. Say which one it is: map={first}=<heading>",
            missing.join(" or ")
        );
        return Err(problem(detail, missing));
    }
    Ok(index)
}

/// The named cells of a row.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'t> {
    index: &'t BTreeMap<&'static str, usize>,
    record: &'t StringRecord,
}

impl<'t> Cells<'t> {
    /// The trimmed text of a cell; `None` if it is empty or its column is missing.
    pub fn text(&self, column: &str) -> Option<&'t str> {
        let cell = self.record.get(*self.index.get(column)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    /// A cell read as a `T`.
    ///
    /// # Errors
    /// A sentence that names the column and what stands there.
    pub fn read<T: FromStr<Err: std::fmt::Display>>(
        &self,
        column: &str,
    ) -> Result<Option<T>, String> {
        let Some(cell) = self.text(column) else { return Ok(None) };
        let shown: String = cell.chars().take(60).collect();
        cell.parse().map(Some).map_err(|error| format!("{column}: `{shown}`: {error}"))
    }

    /// A cell read as a `T` that cannot be empty.
    ///
    /// # Errors
    /// A sentence that names the column and what stands there.
    pub fn require<T: FromStr<Err: std::fmt::Display>>(&self, column: &str) -> Result<T, String> {
        self.read(column)?.ok_or_else(|| format!("{column}: the cell is empty"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[required("accelerator"), required("rate"), optional("name")];

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(to, from)| ((*to).to_owned(), (*from).to_owned())).collect()
    }

    fn cells(csv: &[u8]) -> Vec<Result<(String, String), String>> {
        let table = Table::read(csv, COLUMNS, &BTreeMap::new()).unwrap();
        let read = |row: &Row| {
            let cells = table.cells(row)?;
            Ok((cells.require::<String>("accelerator")?, cells.require::<String>("rate")?))
        };
        table.rows.iter().map(read).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let expected = vec![Ok(("h100".to_owned(), "2.5".to_owned()))];
        for csv in [
            "accelerator,rate\nh100,2.5\n",
            "accelerator,rate\r\nh100,2.5",
            "\u{feff}accelerator,rate\nh100,2.5\n",
            "\"accelerator\",\"rate\"\n\"h100\",\"2.5\"\n",
            "Accelerator ; RATE\nh100; 2.5\n",
            "accelerator\trate\nh100\t2.5\n",
            "x,rate,accelerator\n\"a,\"\"b\"\"\nc\",2.5,h100\n",
        ] {
            assert_eq!(cells(csv.as_bytes()), expected, "{csv:?}");
        }
    }

    #[test]
    fn rows_that_cannot_be_read_are_named_and_do_not_hide_the_others() {
        let rows = cells(b"accelerator,rate\n\xff\xfe,1\na\na,b,c\n,1\nh\0,1\nh100,2.5\n");
        assert!(rows[0].as_ref().unwrap_err().contains("UTF-8"));
        assert!(rows[1].as_ref().unwrap_err().contains("1 cells"));
        assert!(rows[2].as_ref().unwrap_err().contains("3 cells"));
        assert!(rows[3].as_ref().unwrap_err().contains("accelerator: the cell is empty"));
        assert!(rows[4].as_ref().unwrap_err().contains("NUL"));
        assert!(rows[5].is_ok());
    }

    #[test]
    fn headings_are_mapped_by_name_and_missing_ones_are_named() {
        let read = |pairs: &[(&str, &str)]| {
            Table::read(b"gpu,usd,usd\nh100,2,3\n", COLUMNS, &map(pairs)).map(|_| ())
        };
        let detail = |pairs| read(pairs).unwrap_err().to_string();
        let missing = detail(&[]);
        assert!(
            missing.contains("accelerator or rate") && missing.contains("gpu, usd"),
            "{missing}"
        );
        assert!(detail(&[("gpus", "gpu")]).contains("no column gpus"));
        assert!(detail(&[("accelerator", "chip")]).contains("no heading is chip"));
        assert!(detail(&[("accelerator", "gpu"), ("rate", "usd")]).contains("occurs twice"));
        let mapping = map(&[("accelerator", "gpu"), ("rate", "eur")]);
        assert!(Table::read(b"gpu,eur\nh100,2\n", COLUMNS, &mapping).is_ok());
    }

    #[test]
    fn files_without_rows_are_refused() {
        let read = |csv: &[u8]| Table::read(csv, COLUMNS, &BTreeMap::new()).unwrap_err();
        assert_eq!(read(b""), Unreadable::Empty);
        assert_eq!(read(b"\xef\xbb\xbf \r\n"), Unreadable::Empty);
        assert_eq!(read(b"accelerator,rate\n"), Unreadable::NoRows);
        assert_eq!(read(b"\xff\xfea\0"), Unreadable::Utf16);
        assert_eq!(read(b"\xe9,b\n1,2\n"), Unreadable::HeadingsNotUtf8);
        let long = "accelerator,rate\n".to_owned() + &"a,1\n".repeat(ROWS_MAX + 1);
        assert_eq!(read(long.as_bytes()), Unreadable::TooManyRows);
    }
}
