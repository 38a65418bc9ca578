//! What people see: aligned tables, amounts and moments, problems, and questions before acts that
//! cannot be undone. Colours only on a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use super::Remote;
use super::failure::{Failure, Problem};

/// A table whose columns are as wide as their widest cell.
#[derive(Debug, Default)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads. Columns whose head ends in `>` are aligned to the right.
    pub fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; a cell that is missing stays empty.
    pub fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The rows below the heads, each line ending in a line break; `none` when there is no row.
    pub fn render(&self, none: &str) -> String {
        if self.rows.is_empty() {
            return format!("{none}\n");
        }
        let heads: Vec<&str> = self.heads.iter().map(|head| head.trim_end_matches('>')).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .chain([heads[column].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate().take(widths.len()) {
                let padding = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                let is_right = self.heads[column].ends_with('>');
                let (before, after) =
                    if is_right { (padding.as_str(), "") } else { ("", padding.as_str()) };
                line.extend([before, cell, after, "  "]);
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut text = dim(&line(heads.clone()));
        text.extend(self.rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
        text
    }

    /// Writes it to standard output.
    pub fn print(&self, none: &str) {
        print(&self.render(none));
    }
}

/// Name and value, one per line, values aligned.
pub fn print_facts(facts: &[(&str, String)]) {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        print(&format!("{}  {value}\n", dim(&format!("{name:width$}"))));
    }
}

/// Writes to standard output. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Writes `body` as JSON under `--json`, and otherwise what `for_people` prints.
pub fn reply(remote: &Remote, body: &Value, for_people: impl FnOnce(&Value)) {
    if remote.json {
        print(&format!("{body:#}\n"));
        return;
    }
    for_people(body);
    if remote.dry_run {
        print(&dim("rehearsal: nothing was changed\n"));
    }
}

/// The text at `path` (`tranches.0.rate_per_gpu_hour`) in `value`, without quotes; empty where there is none.
pub fn at(value: &Value, path: &str) -> String {
    let pointer = format!("/{}", path.replace('.', "/"));
    match value.pointer(&pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => grouped(&number.to_string()),
        Some(other) => other.to_string(),
    }
}

/// The moment at `path`, in UTC to the minute; empty where there is none.
pub fn moment(value: &Value, path: &str) -> String {
    let written = at(value, path);
    match chrono::DateTime::parse_from_rfc3339(&written) {
        Ok(moment) => moment.to_utc().format("%Y-%m-%d %H:%MZ").to_string(),
        Err(_) => written,
    }
}

/// An amount with its currency; empty where there is none.
pub fn money(value: &Value, path: &str) -> String {
    match (at(value, path), at(value, "currency")) {
        (amount, _) if amount.is_empty() => amount,
        (amount, currency) => format!("{} {currency}", grouped(&amount)).trim_end().to_owned(),
    }
}

/// The megawatts at `path`, to a tenth; empty where there are none.
pub fn megawatts(value: &Value, path: &str) -> String {
    let written = at(value, path);
    match written.parse::<rust_decimal::Decimal>() {
        Ok(megawatts) => grouped(&format!("{megawatts:.1}")),
        Err(_) => written,
    }
}

/// A number with commas between thousands: `27,500`.
pub fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) =
        rest.split_once('.').map_or((rest, None), |(whole, part)| (whole, Some(part)));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.extend([".", fraction]);
    }
    text
}

/// Says why it failed: the server's sentence and code, the fields, what was short, what would do.
pub fn failure(remote: &Remote, failure: &Failure) {
    let problem = match failure {
        Failure::Failed(text) | Failure::Usage(text) => {
            if remote.json {
                let code = if matches!(failure, Failure::Usage(_)) { "usage" } else { "failed" };
                print(&format!("{:#}\n", serde_json::json!({ "code": code, "detail": text })));
            } else {
                complain(&format!("{} {text}\n", red("error:")));
            }
            return;
        }
        Failure::Answered(problem) | Failure::Refused(problem) | Failure::Stale(problem) => problem,
    };
    if remote.json {
        print(&format!("{:#}\n", problem.body));
    } else {
        complain(&explanation(problem));
    }
}

fn explanation(problem: &Problem) -> String {
    let word = match problem.status {
        401 => "not logged in:",
        403 | 409 | 412 | 422 => "refused:",
        _ => "error:",
    };
    let mut text = format!("{} {} [{}]\n", red(word), problem.detail, problem.code);
    // The sentence often says already what is wrong with the only field that is.
    for (field, message) in problem.fields() {
        if !problem.detail.contains(&message) {
            text.push_str(&format!("  {field}: {message}\n"));
        }
    }
    for (name, value) in problem.members() {
        text.push_str(&format!("  {}: {}\n", name.replace('_', " "), in_words(&value)));
    }
    if let Some(Value::Array(alternatives)) = problem.body.get("alternatives") {
        for alternative in alternatives {
            text.push_str(&format!("  instead: {}\n", offered_instead(alternative)));
        }
    }
    text
}

/// An alternative in one line: `earliest start: 512 GPUs of offer_… from … until … at 3.29/gpu-h`.
fn offered_instead(alternative: &Value) -> String {
    let kind = at(alternative, "kind").replace('_', " ");
    let (gpus, offer) = (at(alternative, "gpus"), at(alternative, "offer_id"));
    if gpus.is_empty() || offer.is_empty() {
        return in_words(alternative);
    }
    let (from, until) = (moment(alternative, "starts_at"), moment(alternative, "ends_at"));
    let rate = at(alternative, "rate_per_gpu_hour");
    format!("{kind}: {gpus} GPUs of {offer} from {from} until {until} at {rate}/gpu-h")
}

/// A JSON value in one line without its punctuation: `kind earliest_start, starts at …`.
pub fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => grouped(&number.to_string()),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.into(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join("; "),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let words = members
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), in_words(value)));
            words.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Asks before something that cannot be undone; `--yes` and `--dry-run` answer beforehand.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub fn confirm(remote: &Remote, what: &str) -> Result<(), Failure> {
    if remote.yes || remote.dry_run {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{what} Add --yes to do it without being asked.")));
    }
    complain(&format!("{what} Go on? [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Failed("nothing was done".into())),
    }
}

/// Writes to standard error.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn dim(text: &str) -> String {
    painted(text, "2")
}

fn red(text: &str) -> String {
    painted(text, "1;31")
}

/// `text` in an SGR style such as `1;31`, if standard output is a terminal that wants colours.
pub fn painted(text: &str, style: &str) -> String {
    if !wants_colour() {
        return text.to_owned();
    }
    let (line, end) = text.strip_suffix('\n').map_or((text, ""), |line| (line, "\n"));
    format!("\x1b[{style}m{line}\x1b[0m{end}")
}

/// Whether standard output is a terminal and `NO_COLOR` is not set.
pub fn wants_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_aligned_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["site", "GPUs>"]);
        table.row(["Mäntsälä".into(), "8".into()]);
        table.row(["Ii".into(), "27,500".into()]);
        assert_eq!(table.render("none"), "site        GPUs\nMäntsälä       8\nIi        27,500\n");
        assert_eq!(Table::new(&["site"]).render("no sites"), "no sites\n");
    }

    #[test]
    fn numbers_are_grouped_and_words_left_alone() {
        for (number, shown) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-27500.50", "-27,500.50"),
            ("lease_1", "lease_1"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn a_refusal_shows_sentence_code_fields_shortage_and_alternatives() {
        let body = json!({
            "type": "/problems/not-enough-units", "title": "Not enough units", "status": 409,
            "code": "not-enough-units", "detail": "8 of 16 units are free; ask for 8",
            "shortfall": { "free_units": 8, "units": 16 },
            "alternatives": [{
                "kind": "largest_size", "gpus": 64, "offer_id": "offer_1", "rate_per_gpu_hour": "2.50",
                "starts_at": "2027-01-01T00:00:00Z", "ends_at": "2027-02-01T00:00:00Z",
            }],
        });
        assert_eq!(
            explanation(&Problem::from_reply(409, body)),
            "refused: 8 of 16 units are free; ask for 8 [not-enough-units]\n\
             \x20 shortfall: free units 8, units 16\n\
             \x20 instead: largest size: 64 GPUs of offer_1 from 2027-01-01 00:00Z until 2027-02-01 00:00Z \
             at 2.50/gpu-h\n"
        );
    }
}
