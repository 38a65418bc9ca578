//! `plane`: the picture of a pool, in the terminal.

use clap::Args;
use console::Term;
use serde_json::Value;

use super::failure::Failure;
use super::show::{self, at, grouped};
use super::{Client, Remote, units};
use crate::kernel::{Span, Timestamp};

/// Flags of `plane`.
#[derive(Debug, Args)]
pub struct Plane {
    /// The pool
    pool: String,
    /// Left edge of the picture [default: now]
    #[arg(long, value_name = "MOMENT", value_parser = units::moment)]
    from: Option<Timestamp>,
    /// How much time it shows
    #[arg(long = "for", value_name = "TIME", default_value = "90d", value_parser = units::span)]
    duration: Span,
    /// Lines of the picture
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=200))]
    rows: u16,
}

impl Plane {
    /// Draws it.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let client = Client::new(remote)?;
        let path = format!("/v1/pools/{}/plane", self.pool);
        let from = match self.from {
            Some(from) => from,
            // The server's clock says what now is; a sandbox's may be far ahead of ours.
            None => moment_in(&client.get(&path, &[]).await?.body, "from")?,
        };
        let until = from + self.duration.delta();
        let query = [("from", units::written(from)), ("to", units::written(until))];
        let plane = client.get(&path, &query).await?.body;
        show::reply(remote, &plane, |plane| {
            let (_, width) = Term::stdout().size_checked().unwrap_or((24, 100));
            let units = plane["units"].as_u64().unwrap_or(0);
            let frame = Frame {
                units,
                from: from.timestamp(),
                until: until.timestamp(),
                columns: usize::from(width).saturating_sub(MARGIN + 2).clamp(10, 400),
                rows: usize::from(self.rows).min(usize::try_from(units).unwrap_or(1)).max(1),
            };
            let rectangles = rectangles(plane);
            show::print(&format!(
                "{}: {} units of {} GPUs\n",
                at(plane, "pool_name"),
                grouped(&units.to_string()),
                at(plane, "gpus_per_unit"),
            ));
            show::print(&draw(&frame, &rectangles, show::wants_colour()));
            show::print(&legend(&frame, &rectangles));
            if plane["truncated"] == true {
                show::print("There is more than fits into one reply; draw less time with --for.\n");
            }
        });
        Ok(())
    }
}

/// The moment `name` of a reply.
pub fn moment_in(view: &Value, name: &str) -> Result<Timestamp, Failure> {
    units::moment(&at(view, name)).map_err(Failure::Failed)
}

/// Room for unit numbers to the left of the picture.
const MARGIN: usize = 8;

/// What the picture shows and how large it is.
struct Frame {
    units: u64,
    /// Seconds since 1970 at the left and right edges.
    from: i64,
    until: i64,
    columns: usize,
    rows: usize,
}

/// A rectangle on the plane: units `first..end`, seconds `starts..ends`.
struct Rectangle {
    first: u64,
    end: u64,
    starts: i64,
    ends: i64,
    purpose: usize,
}

/// Purposes with their glyph and SGR colour, in the order of the legend.
const PURPOSES: [(&str, char, &str); 7] = [
    ("lease", '█', "34"),
    ("taken", '▞', "37"),
    ("hold", '▒', "36"),
    ("own_use", '▓', "35"),
    ("maintenance", '▚', "33"),
    ("fault", '╳', "31"),
    ("undelivered", '░', "90"),
];

fn rectangles(plane: &Value) -> Vec<Rectangle> {
    let number = |value: &Value| value.as_u64();
    let moment = |value: &Value, open: i64| match value.as_str() {
        Some(text) => units::moment(text).map(|moment| moment.timestamp()).ok(),
        None => Some(open),
    };
    let rectangles = plane["rectangles"].as_array().into_iter().flatten();
    let read = |rectangle: &Value| {
        Some(Rectangle {
            first: number(&rectangle["first_unit"])?,
            end: number(&rectangle["end_unit"])?,
            starts: moment(&rectangle["starts_at"], i64::MIN)?,
            ends: moment(&rectangle["ends_at"], i64::MAX)?,
            purpose: PURPOSES.iter().position(|(name, ..)| rectangle["purpose"] == *name)?,
        })
    };
    rectangles.filter_map(read).collect()
}

/// The picture, last unit on top. A cell shows what most of it is used for, a dot if most is free.
fn draw(frame: &Frame, rectangles: &[Rectangle], in_colour: bool) -> String {
    let mut text = format!("{:MARGIN$}┌{}┐\n", "", "─".repeat(frame.columns));
    for row in (0..frame.rows).rev() {
        let (first, end) = band(row, frame.rows, 0, i128::from(frame.units));
        text.push_str(&format!("{:>MARGIN$}│", grouped(&(end - 1).max(0).to_string())));
        for column in 0..frame.columns {
            let (starts, ends) =
                band(column, frame.columns, i128::from(frame.from), i128::from(frame.until));
            let area = (end - first) * (ends - starts);
            let mut covered = [0i128; PURPOSES.len()];
            for rectangle in rectangles {
                let height =
                    i128::from(rectangle.end).min(end) - i128::from(rectangle.first).max(first);
                let width =
                    i128::from(rectangle.ends).min(ends) - i128::from(rectangle.starts).max(starts);
                covered[rectangle.purpose] += height.max(0) * width.max(0);
            }
            let used: i128 = covered.iter().sum();
            let most = (0..PURPOSES.len()).max_by_key(|purpose| covered[*purpose]).unwrap_or(0);
            let (_, glyph, colour) = PURPOSES[most];
            match used * 2 >= area && used > 0 {
                true if in_colour => text.push_str(&format!("\x1b[{colour}m{glyph}\x1b[0m")),
                true => text.push(glyph),
                false => text.push(if used > 0 { '∙' } else { ' ' }),
            }
        }
        text.push_str("│\n");
    }
    text.push_str(&format!("{:MARGIN$}└{}┘\n", "", "─".repeat(frame.columns)));
    let day = |seconds: i64| {
        let moment = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        moment.format("%Y-%m-%d %H:%M").to_string()
    };
    let width = frame.columns.saturating_sub(14);
    text.push_str(&format!("{:MARGIN$} {:<width$}{:>16}\n", "", day(frame.from), day(frame.until)));
    text
}

/// Part `index` of `count` equal parts of `[from, until)`, borders rounded, never empty.
fn band(index: usize, count: usize, from: i128, until: i128) -> (i128, i128) {
    let count = i128::try_from(count).unwrap_or(1).max(1);
    let index = i128::try_from(index).unwrap_or(0);
    let border = |index: i128| from + (until - from) * index / count;
    (border(index), border(index + 1).max(border(index) + 1))
}

/// Glyph, purpose and share of the picture's unit-hours, for what is in the picture.
fn legend(frame: &Frame, rectangles: &[Rectangle]) -> String {
    let whole = i128::from(frame.units) * i128::from(frame.until - frame.from);
    let mut free = whole;
    let mut text = " ".repeat(MARGIN);
    for (purpose, (name, glyph, colour)) in PURPOSES.iter().enumerate() {
        let area = |rectangle: &Rectangle| {
            let height = i128::from(rectangle.end.saturating_sub(rectangle.first));
            let width =
                rectangle.ends.min(frame.until).saturating_sub(rectangle.starts.max(frame.from));
            height * i128::from(width.max(0))
        };
        let area: i128 = rectangles.iter().filter(|each| each.purpose == purpose).map(area).sum();
        if area > 0 {
            free -= area;
            let glyph = show::painted(&glyph.to_string(), colour);
            text.push_str(&format!(
                " {glyph} {} {}  ",
                name.replace('_', " "),
                percent(area, whole)
            ));
        }
    }
    text.push_str(&format!("   free {}\n", percent(free, whole)));
    text
}

fn percent(part: i128, whole: i128) -> String {
    let tenths = part * 1_000 / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_units_upwards_and_time_to_the_right() {
        let frame = Frame { units: 4, from: 0, until: 1_000, columns: 10, rows: 4 };
        let rectangle =
            |first, end, starts, ends, purpose| Rectangle { first, end, starts, ends, purpose };
        let rectangles = [rectangle(0, 2, 500, i64::MAX, 0), rectangle(3, 4, i64::MIN, 250, 6)];
        let picture = draw(&frame, &rectangles, false);
        assert_eq!(
            picture.lines().take(6).collect::<Vec<_>>(),
            [
                "        ┌──────────┐",
                "       3│░░░       │",
                "       2│          │",
                "       1│     █████│",
                "       0│     █████│",
                "        └──────────┘",
            ]
        );
        assert_eq!(
            legend(&frame, &rectangles).trim(),
            "█ lease 25.0 %   ░ undelivered 6.2 %     free 68.7 %"
        );
    }
}
