//! `depositd deposit …` and `depositd network …`: what was seen, and how far it has been read.

use clap::Subcommand;

use crate::api::proto::v1::{
    GetDepositRequest, ListDepositsRequest, ListNetworksRequest, deposit_service_client::DepositServiceClient,
    network_service_client::NetworkServiceClient,
};

use super::{
    client::{ClientArgs, PageArgs},
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

/// What to do with deposits.
#[derive(Clone, Debug, Subcommand)]
pub enum DepositCommand {
    /// Show one deposit
    Get {
        /// Its id, dep_…
        deposit_id: String,
    },
    /// List an app's deposits, oldest first
    List {
        /// The app
        app_id: String,
        /// Only those of this order
        #[arg(long, default_value = "")]
        order: String,
        /// Which page
        #[command(flatten)]
        page: PageArgs,
    },
}

/// What to do with networks.
#[derive(Clone, Debug, Subcommand)]
pub enum NetworkCommand {
    /// List the configured networks and how far they have been read
    List,
}

pub(super) async fn run(command: DepositCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = DepositServiceClient::new(args.open().await?);
    let shown = match command {
        DepositCommand::Get { deposit_id } => {
            let answer = client.get_deposit(GetDepositRequest { deposit_id }).await?.into_inner().deposit;
            let missing = || Failure::new(FAILURE, "the daemon's answer holds no deposit");
            answer.as_ref().map(show::deposit).ok_or_else(missing)?
        }
        DepositCommand::List { app_id, order, page } => {
            let request =
                ListDepositsRequest { app_id, order_id: order, page_size: page.limit, page_token: page.page_token };
            let answer = client.list_deposits(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let deposits = answer.deposits.iter().map(show::deposit).collect();
            Shown::list("deposits", deposits, show::DEPOSIT.to_vec(), Some(&answer.next_page_token))
        }
    };
    shown.print(args.json);
    Ok(())
}

pub(super) async fn run_network(command: NetworkCommand, args: &ClientArgs) -> Result<(), Failure> {
    let NetworkCommand::List = command;
    let mut client = NetworkServiceClient::new(args.open().await?);
    let answer = client.list_networks(ListNetworksRequest {}).await?.into_inner();
    let networks = answer.networks.iter().map(show::network).collect();
    Shown::list("networks", networks, show::NETWORK.to_vec(), None).print(args.json);
    Ok(())
}
