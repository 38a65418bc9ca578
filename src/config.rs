//! What can be configured: one struct; every field names its variable, unit and default.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// Configuration of the server, by flag or environment variable.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address and port to serve on
    #[arg(
        long,
        env = "LEASEHOLD_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,

    /// PostgreSQL to use, as a URL; without it a private one is started in the data directory
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Most connections to the database at a time
    #[arg(long, env = "LEASEHOLD_DATABASE_CONNECTIONS", default_value_t = 16, value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(2..=500))]
    pub database_connections: u32,

    /// Directory of the private PostgreSQL [default: leasehold in the user's data directory]
    #[arg(long, env = "LEASEHOLD_DATA_DIR", value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,

    /// Directory with the PostgreSQL server's binaries [default: searched for]
    #[arg(long, env = "LEASEHOLD_PG_BIN", value_name = "DIRECTORY")]
    pub pg_bin: Option<PathBuf>,

    /// Currency of the whole deployment, ISO 4217; never change it once there are leases
    #[arg(long, env = "LEASEHOLD_CURRENCY", default_value = "USD", value_name = "CODE")]
    pub currency: String,

    /// Sandbox: gives staff a clock that can be moved forward, for trying deadlines
    #[arg(long, env = "LEASEHOLD_SANDBOX")]
    pub sandbox: bool,

    /// Requests per minute that one caller may send; 0 for no limit
    #[arg(long, env = "LEASEHOLD_RATE_LIMIT", default_value_t = 6000, value_name = "NUMBER")]
    pub rate_limit: u32,

    /// Log-ins tried per minute with one e-mail address, and ten times as many from one network address;
    /// 0 for no limit
    #[arg(long, env = "LEASEHOLD_LOGIN_RATE_LIMIT", default_value_t = 10, value_name = "NUMBER")]
    pub login_rate_limit: u32,

    /// Token that may read /metrics from elsewhere than this machine [default: only from this machine]
    #[arg(long, env = "LEASEHOLD_METRICS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub metrics_token: Option<String>,

    /// How logs are written: text or json
    #[arg(long, env = "LEASEHOLD_LOG_FORMAT", default_value = "text", value_name = "FORMAT",
        value_parser = ["text", "json"])]
    pub log_format: String,

    /// What is logged, as tracing directives
    #[arg(long, env = "LEASEHOLD_LOG", default_value = "info", value_name = "DIRECTIVES")]
    pub log: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    #[test]
    fn the_table_in_the_documentation_is_what_help_says() {
        let command = Config::augment_args(Command::new("leasehold"));
        let mut table =
            String::from("| variable | flag | default | meaning |\n|---|---|---|---|\n");
        for argument in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
            let variable = argument.get_env().and_then(|name| name.to_str()).unwrap_or("—");
            let flag = argument.get_long().unwrap_or_default();
            let default = argument.get_default_values().first().and_then(|value| value.to_str());
            let default = default.map_or_else(|| "—".to_owned(), |value| format!("`{value}`"));
            let meaning = argument.get_help().map(ToString::to_string).unwrap_or_default();
            table.push_str(&format!("| `{variable}` | `--{flag}` | {default} | {meaning} |\n"));
        }
        let page = include_str!("../docs/operations.md");
        let (_, rest) = page.split_once("<!-- configuration -->\n").unwrap();
        let (written, _) = rest.split_once("<!-- /configuration -->").unwrap();
        assert_eq!(written, table, "put this table into docs/operations.md:\n\n{table}");
    }
}
