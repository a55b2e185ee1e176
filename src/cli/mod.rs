//! The command line: noun, then verb. stdout is data, stderr is messages; exit codes are in `exit`.

mod address;
mod app;
mod audit;
mod by_hand;
mod check_config;
mod client;
mod delivery;
mod demo;
mod deposit;
mod devnet;
mod endpoint;
mod event;
mod exit;
mod explain;
mod master_key;
mod network;
mod order;
mod policy;
mod progress;
mod reconcile;
mod registrations;
mod run;
mod secret;
mod selftest;
mod show;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

pub use address::AddressCommand;
pub use app::{AmountWord, AppCommand};
pub use audit::AuditCommand;
pub use by_hand::{SinceArgs, Sure, TimeArg};
pub use client::{ClientArgs, PageArgs};
pub use delivery::DeliveryCommand;
pub use deposit::DepositCommand;
pub use devnet::DevnetArgs;
pub use endpoint::EndpointCommand;
pub use event::EventCommand;
pub use network::NetworkCommand;
pub use order::{OrderCommand, PolicyArg, RegisterArgs};
pub use policy::{ActArgs, PolicyCommand, SetArgs};
pub use reconcile::ReconcileArgs;

pub use registrations::{ExportArgs, ImportArgs};

/// Watches token transfers and tells payment gateways, for certain, that money arrived.
#[derive(Debug, Parser)]
#[command(name = "depositd", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Which daemon, and how answers are shown.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    Run(ConfigArgs),
    /// Check the configuration and report everything that is wrong with it
    CheckConfig(ConfigArgs),
    /// Check that this binary signs as published: every test vector of the merchant protocols
    Selftest,
    /// Draw the key that merchants' signing keys are kept under, into a new file of mode 0600
    MasterKey {
        /// The file; one that is there is never overwritten
        file: PathBuf,
    },
    /// Show the whole path of two payments on this machine, with simulated networks
    Demo {
        /// Leave everything running afterwards, and say how to play with it
        #[arg(long)]
        keep: bool,
    },
    /// Simulate an Ethereum and a TRON network on this machine, to try a configuration against
    Devnet(DevnetArgs),
    /// Merchant integrations
    #[command(subcommand)]
    App(AppCommand),
    /// Expected payments
    #[command(subcommand)]
    Order(OrderCommand),
    /// Addresses that are watched for good
    #[command(subcommand)]
    Address(AddressCommand),
    /// Transfers that reached a watched address
    #[command(subcommand)]
    Deposit(DepositCommand),
    /// What is watched, and how far it has been read
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Everything merchants are told, in the order in which it was committed
    #[command(subcommand)]
    Event(EventCommand),
    /// How the telling of each event stands, and what to do about it
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// The receivers of each app
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    /// Compare the stored deposits with the chain; exit code 1 if they differ
    Reconcile(ReconcileArgs),
    /// When deposits are credited
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The log of what people did
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write everything that was registered into a file, while the daemon runs; secrets are not in it
    Export(ExportArgs),
    /// Bring back what an export holds; the same again is harmless
    Import(ImportArgs),
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// The configuration file
    #[arg(long, env = "DEPOSITD_CONFIG", default_value = crate::config::DEFAULT_FILE)]
    pub config: PathBuf,
}

/// Does what is asked and says with which code to exit. Messages go to stderr.
pub async fn dispatch(cli: Cli) -> ExitCode {
    let args = &cli.client;
    let outcome = match cli.command {
        Command::Run(file) => Box::pin(run::run(&file.config)).await,
        Command::Demo { keep } => Box::pin(demo::run(keep)).await,
        Command::Devnet(networks) => Box::pin(devnet::run(networks, args.json)).await,
        Command::CheckConfig(file) => check_config::run(&file.config, args.json, variables()),
        Command::Selftest => selftest::run(args.json),
        Command::MasterKey { file } => master_key::run(&file),
        Command::App(command) => app::run(command, args).await,
        Command::Order(command) => order::run(command, args).await,
        Command::Address(command) => address::run(command, args).await,
        Command::Deposit(command) => deposit::run(command, args).await,
        Command::Event(command) => event::run(command, args).await,
        Command::Delivery(command) => delivery::run(command, args).await,
        Command::Endpoint(command) => endpoint::run(command, args).await,
        Command::Reconcile(wish) => reconcile::run(wish, args).await,
        Command::Policy(command) => policy::run(command, args).await,
        Command::Audit(command) => audit::run(command, args).await,
        Command::Network(command) => network::run(command, args).await,
        Command::Export(what) => registrations::export(&what, args).await,
        Command::Import(what) => registrations::import(&what, args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show::message(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// The process's environment. Bytes that are no text are replaced: `std::env::vars` would panic over a variable that is
/// none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_the_client_may_stand_anywhere() {
        let cli = Cli::try_parse_from(["depositd", "network", "list", "--json", "--server", "unix:/x"]).unwrap();
        assert!(cli.client.json && cli.client.server == "unix:/x");
        let order = ["depositd", "order", "register", "shop", "1", "--address", "0x", "--network", "n", "--token", "T"];
        assert!(Cli::try_parse_from(order).is_err(), "an amount is required");
        let both = order.into_iter().chain(["--amount", "1", "--base-units", "1"]);
        assert!(Cli::try_parse_from(both).is_err(), "one amount only");
        assert!(Cli::try_parse_from(order.into_iter().chain(["--amount", "1"])).is_ok());
        assert!(Cli::try_parse_from(["depositd", "app", "list", "--limit", "0"]).is_err());
    }

    #[tokio::test]
    async fn nobody_there_is_exit_69() {
        let args = ClientArgs { server: "unix:/nonexistent/api.sock".to_owned(), token_file: None, json: false };
        let failure = network::run(NetworkCommand::List, &args).await.unwrap_err();
        assert_eq!(failure.code, exit::UNREACHABLE);
    }
}
