//! `depositd deposit …`: what was seen.

use clap::Subcommand;

use crate::api::proto::v1::{
    BindDepositRequest, Deposit, GetDepositRequest, HoldDepositRequest, ListDepositsRequest, ReleaseDepositRequest,
    deposit_service_client::DepositServiceClient,
};

use super::{
    by_hand::Sure,
    client::{ClientArgs, PageArgs},
    exit::{FAILURE, Failure},
    explain,
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
    /// Say of each transfer in a transaction what was checked, what decided, and what is still missing
    Explain {
        /// The network
        network: String,
        /// The transaction's hash
        tx_hash: String,
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
    /// Hold a deposit back: it is not credited until it is released
    Hold {
        /// Its id, dep_…
        deposit_id: String,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
    /// End a hold
    Release {
        /// Its id, dep_…
        deposit_id: String,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Credit an unmatched deposit to an order
    Bind {
        /// Its id, dep_…
        deposit_id: String,
        /// The order's app
        app_id: String,
        /// The merchant's id of the order
        order_id: String,
        /// Why, and that it is meant
        #[command(flatten)]
        sure: Sure,
    },
}

pub(super) async fn run(command: DepositCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = DepositServiceClient::new(args.open().await?);
    let shown = match command {
        DepositCommand::Explain { network, tx_hash } => return explain::run(network, tx_hash, args).await,
        DepositCommand::Get { deposit_id } => {
            one(client.get_deposit(GetDepositRequest { deposit_id }).await?.into_inner().deposit)?
        }
        DepositCommand::Hold { deposit_id, reason } => {
            one(client.hold_deposit(HoldDepositRequest { deposit_id, reason }).await?.into_inner().deposit)?
        }
        DepositCommand::Release { deposit_id, reason } => {
            one(client.release_deposit(ReleaseDepositRequest { deposit_id, reason }).await?.into_inner().deposit)?
        }
        DepositCommand::Bind { deposit_id, app_id, order_id, sure } => {
            let reason = sure.reason("the deposit is credited to the order")?;
            let request = BindDepositRequest { deposit_id, app_id, order_id, reason };
            one(client.bind_deposit(request).await?.into_inner().deposit)?
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

fn one(deposit: Option<Deposit>) -> Result<Shown, Failure> {
    deposit.as_ref().map(show::deposit).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no deposit"))
}
