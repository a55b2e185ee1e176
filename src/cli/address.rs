//! `depositd address …`: standing watches.

use clap::Subcommand;

use crate::api::proto::v1::{
    ListAddressesRequest, UnwatchAddressRequest, WatchAddressRequest, address_service_client::AddressServiceClient,
};

use super::{
    client::{ClientArgs, PageArgs},
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

/// What to do with addresses.
#[derive(Clone, Debug, Subcommand)]
pub enum AddressCommand {
    /// Watch an address for good: every transfer to it is a deposit
    Watch {
        /// The app
        app_id: String,
        /// The address
        address: String,
        /// A network; may be repeated
        #[arg(long = "network", required = true)]
        networks: Vec<String>,
        /// The gateway's own mark for the owner
        #[arg(long, default_value = "")]
        user_mark: String,
    },
    /// List an app's addresses
    List {
        /// The app
        app_id: String,
        /// Which page
        #[command(flatten)]
        page: PageArgs,
    },
    /// End a standing watch; the address keeps its owner
    Unwatch {
        /// The app
        app_id: String,
        /// The address
        address: String,
        /// The network
        #[arg(long)]
        network: String,
    },
}

pub(super) async fn run(command: AddressCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = AddressServiceClient::new(args.open().await?);
    let header = show::ADDRESS.to_vec();
    let shown = match command {
        AddressCommand::Watch { app_id, address, networks, user_mark } => {
            let request = WatchAddressRequest { app_id, user_mark, address, networks };
            let answer = client.watch_address(request).await?.into_inner();
            Shown::list("addresses", answer.addresses.iter().map(show::address).collect(), header, None)
        }
        AddressCommand::List { app_id, page } => {
            let request = ListAddressesRequest { app_id, page_size: page.limit, page_token: page.page_token };
            let answer = client.list_addresses(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let addresses = answer.addresses.iter().map(show::address).collect();
            Shown::list("addresses", addresses, header, Some(&answer.next_page_token))
        }
        AddressCommand::Unwatch { app_id, address, network } => {
            let request = UnwatchAddressRequest { app_id, network, address };
            let answer = client.unwatch_address(request).await?.into_inner().address;
            let missing = || Failure::new(FAILURE, "the daemon's answer holds no address");
            answer.as_ref().map(show::address).ok_or_else(missing)?
        }
    };
    shown.print(args.json);
    Ok(())
}
