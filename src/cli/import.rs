//! `import`: inventories and price lists from CSV files.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::show::{self, Table, at};
use super::units::Pair;
use super::{Client, Remote};

/// The largest file that the server takes.
const LARGEST: usize = 32 * 1024 * 1024;

/// Flags of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// CSV file with a line of headings
    file: PathBuf,
    /// What it lists
    #[arg(long, value_parser = ["inventory", "prices"])]
    kind: String,
    /// Which column holds what: `--map rate_per_gpu_hour=usd_per_gpu_hour`; as often as needed
    #[arg(long = "map", value_name = "FIELD=COLUMN")]
    columns: Vec<Pair>,
    /// What a price is for: a `gpu`, or an `instance` with several
    #[arg(long, default_value = "gpu", value_parser = ["gpu", "instance"], requires_if("instance", "gpus_column"))]
    per: String,
    /// With `--per instance`: the column with the number of GPUs of an instance
    #[arg(long, value_name = "COLUMN")]
    gpus_column: Option<String>,
    /// Take the good rows even if some are bad; otherwise one bad row changes nothing
    #[arg(long)]
    keep_good: bool,
}

impl Import {
    /// Sends the file and prints the report, row by row.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let bytes = std::fs::read(&self.file)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        if bytes.len() > LARGEST {
            return Err(Failure::Usage(
                "the file is larger than 32 MiB; import it in parts".into(),
            ));
        }
        let csv = String::from_utf8(bytes)
            .map_err(|_| Failure::Usage("the file is not UTF-8; convert it first".into()))?;
        let columns: serde_json::Map<_, _> =
            self.columns.into_iter().map(|pair| (pair.name, Value::String(pair.value))).collect();
        let mut body = json!({
            "kind": self.kind,
            "csv": csv,
            "columns": columns,
            "per": self.per,
            "keep_good": self.keep_good,
        });
        if let Some(column) = self.gpus_column {
            body["gpus_column"] = json!(column);
        }
        let reply = Client::new(remote)?.post("/v1/imports", &body).await?;
        show::reply(remote, &reply.body, print_report);
        Ok(())
    }
}

fn print_report(report: &Value) {
    let mut table = Table::new(&["line>", "outcome", "what"]);
    for row in report["rows"].as_array().into_iter().flatten() {
        table.row([at(row, "line"), at(row, "outcome"), at(row, "detail")]);
    }
    table.print("no rows");
    show::print(&format!("{} created, {} refused\n", at(report, "created"), at(report, "refused")));
}
