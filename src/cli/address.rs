//! `depositd address …`: standing watches, and whose an address is.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::api::proto::v1::{
    Address, GetAddressRequest, ListAddressesRequest, ReleaseAddressRequest, UnwatchAddressRequest,
    WatchAddressRequest, address, address_service_client::AddressServiceClient, watch_address_request::Since,
};

use super::{
    by_hand::{SinceArgs, Sure},
    client::{ClientArgs, PageArgs, Service},
    exit::{FAILURE, Failure},
    progress,
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
        /// How far back transfers count
        #[command(flatten)]
        since: SinceArgs,
        /// Wait until all of the past that was asked for is read
        #[arg(long)]
        wait: bool,
    },
    /// Show one address
    Get {
        /// The address
        address: String,
        /// The network
        #[arg(long)]
        network: String,
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
    /// Take an address from its owner: any app may register it afterwards
    Release {
        /// The address
        address: String,
        /// The network
        #[arg(long)]
        network: String,
        /// Why, and that it is meant
        #[command(flatten)]
        sure: Sure,
    },
}

const HEADER: [&str; 7] = ["NETWORK", "ADDRESS", "APP", "USER MARK", "STANDING FROM", "SINCE", "OPEN ORDER"];

pub(super) async fn run(command: AddressCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = AddressServiceClient::new(args.open().await?);
    let header = HEADER.to_vec();
    let shown = match command {
        AddressCommand::Watch { app_id, address, networks, user_mark, since, wait } => {
            let since = since.wish(Since::FromBlock, Since::FromTime);
            let request = WatchAddressRequest { app_id, user_mark, address, networks, since };
            let mut answer = client.watch_address(request).await?.into_inner();
            if wait {
                until_read(&mut client, &mut answer.addresses).await?;
            }
            Shown::list("addresses", answer.addresses.iter().map(shown_address).collect(), header, None)
        }
        AddressCommand::List { app_id, page } => {
            let request = ListAddressesRequest { app_id, page_size: page.limit, page_token: page.page_token };
            let answer = client.list_addresses(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let addresses = answer.addresses.iter().map(shown_address).collect();
            Shown::list("addresses", addresses, header, Some(&answer.next_page_token))
        }
        AddressCommand::Unwatch { app_id, address, network } => {
            let request = UnwatchAddressRequest { app_id, network, address };
            one(client.unwatch_address(request).await?.into_inner().address)?
        }
        AddressCommand::Get { address, network } => {
            one(client.get_address(GetAddressRequest { network, address }).await?.into_inner().address)?
        }
        AddressCommand::Release { address, network, sure } => {
            let reason = sure.reason("the address is taken from its owner")?;
            let request = ReleaseAddressRequest { network, address, reason };
            one(client.release_address(request).await?.into_inner().address)?
        }
    };
    shown.print(args.json);
    Ok(())
}

/// Waits until all of the past is read that the watches asked for; then they are as they are by then.
async fn until_read(client: &mut AddressServiceClient<Service>, watched: &mut [Address]) -> Result<(), Failure> {
    progress::until_read("back-scan", async || {
        for place in &mut *watched {
            let (network, address) = (place.network.clone(), place.address.clone());
            let now = client.get_address(GetAddressRequest { network, address }).await?.into_inner().address;
            *place = now.unwrap_or_else(|| place.clone());
        }
        Ok(watched.iter().filter_map(|place| place.back_scan).collect())
    })
    .await
}

fn one(address: Option<Address>) -> Result<Shown, Failure> {
    address.as_ref().map(shown_address).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no address"))
}

fn shown_address(address: &Address) -> Shown {
    let (mut from_block, mut from_time) = (None, None);
    match address.since.as_ref() {
        Some(address::Since::FromBlock(height)) => from_block = Some(*height),
        Some(address::Since::FromTime(time)) => from_time = show::time(Some(time)),
        None => {}
    }
    let since = from_block.map(|height| height.to_string()).or(from_time.clone());
    let row = vec![
        address.network.clone(),
        address.address.clone(),
        address.app_id.clone(),
        address.user_mark.clone(),
        address.standing_from.map(|height| height.to_string()).unwrap_or_default(),
        since.unwrap_or_default(),
        address.open_order_id.clone(),
    ];
    let json: Value = json!({
        "network": address.network, "address": address.address, "app_id": address.app_id,
        "user_mark": address.user_mark, "standing_from": address.standing_from, "from_block": from_block,
        "from_time": from_time, "open_order_id": address.open_order_id, "last_order_id": address.last_order_id,
        "create_time": show::time(address.create_time.as_ref()),
        "back_scan": address.back_scan.as_ref().map(progress::scan_json),
    });
    Shown { json, header: HEADER.to_vec(), rows: vec![row] }
}
