//! `import`: inventories and price lists from CSV files.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

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
    /// Put new offers on the market at once; they are drafts otherwise
    #[arg(long)]
    publish: bool,
    /// Reclaim terms of new offers, by id or name
    #[arg(long, value_name = "TERMS")]
    terms: Option<String>,
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
        let query = self.query();
        match Client::new(remote)?.post_file("/v1/imports", &query, "text/csv", bytes).await {
            Ok(reply) => {
                show::reply(remote, &reply.body, print_report);
                Ok(())
            }
            Err(Failure::Refused(problem)) => {
                if !remote.json && problem.body["report"].is_object() {
                    print_report(&problem.body["report"]);
                }
                Err(Failure::Refused(problem))
            }
            Err(other) => Err(other),
        }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("kind", self.kind.clone()), ("per", self.per.clone())];
        let columns = self.columns.iter().map(|pair| format!("{}={}", pair.name, pair.value));
        query.extend(columns.map(|column| ("map", column)));
        query.extend(self.gpus_column.clone().map(|column| ("gpus_column", column)));
        query.extend(self.terms.clone().map(|terms| ("terms", terms)));
        let flags = [("keep_good", self.keep_good), ("publish", self.publish)];
        query
            .extend(flags.into_iter().filter(|flag| flag.1).map(|(name, _)| (name, "true".into())));
        query
    }
}

fn print_report(report: &Value) {
    let mut table = Table::new(&["line>", "outcome", "what", "id or problem"]);
    for row in report["rows"].as_array().into_iter().flatten() {
        let id_or_problem = at(row, "id") + &at(row, "problem");
        table.row([at(row, "line"), at(row, "outcome"), at(row, "what"), id_or_problem]);
    }
    table.print("no rows");
    let counts = ["created", "updated", "unchanged", "refused"];
    let counts = counts.map(|name| format!("{} {name}", at(report, name)));
    let end = if report["written"] == true { "" } else { "; nothing was written" };
    show::print(&format!("{}{end}\n", counts.join(", ")));
}
