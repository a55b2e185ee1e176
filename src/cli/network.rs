//! `depositd network …`: how far networks are read, ranges read again, halted ones let go on.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use crate::api::proto::v1::{
    BackScan, ListNetworksRequest, Network, RescanNetworkRequest, ResumeMode, ResumeNetworkRequest,
    network_service_client::NetworkServiceClient,
};

use super::{
    client::{ClientArgs, Service},
    exit::{FAILURE, Failure, USAGE},
    progress,
    show::{self, Shown},
};

/// What to do with networks.
#[derive(Clone, Debug, Subcommand)]
pub enum NetworkCommand {
    /// List the configured networks and how far they have been read
    List,
    /// Read a range of blocks again; what is known already stays as it is
    Rescan {
        /// The network
        network: String,
        /// The first height
        #[arg(long)]
        from: u64,
        /// The last height, at or below what has been read
        #[arg(long)]
        to: u64,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
        /// Wait until it is done
        #[arg(long)]
        wait: bool,
    },
    /// Let a halted network go on
    Resume(ResumeArgs),
}

/// How a halted network goes on.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["look_again", "take_back_above"])))]
pub struct ResumeArgs {
    /// The network
    pub network: String,
    /// Believe nothing new, only look again: after an endpoint was repaired
    #[arg(long)]
    pub look_again: bool,
    /// Take back everything above this height and read it again: the chain has left ours
    #[arg(long, value_name = "HEIGHT")]
    pub take_back_above: Option<u64>,
    /// Why; kept in the audit log
    #[arg(long)]
    pub reason: String,
    /// Take back without asking
    #[arg(long)]
    pub yes: bool,
}

pub(super) async fn run(command: NetworkCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = NetworkServiceClient::new(args.open().await?);
    let shown = match command {
        NetworkCommand::List => {
            let answer = client.list_networks(ListNetworksRequest {}).await?.into_inner();
            let networks = answer.networks.iter().map(network).collect();
            Shown::list("networks", networks, show::NETWORK.to_vec(), None)
        }
        NetworkCommand::Rescan { network, from, to, reason, wait } => {
            let request = RescanNetworkRequest { network: network.clone(), from_height: from, to_height: to, reason };
            let begun = client.rescan_network(request).await?.into_inner().rescan;
            let begun = begun.ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no rescan"))?;
            let last = if wait { until_done(&mut client, &network, begun).await? } else { begun };
            rescan(&network, &last)
        }
        NetworkCommand::Resume(resume) => {
            let network = resume.network.clone();
            let answer = client.resume_network(request(resume)?).await?.into_inner();
            show::message(&answer.note);
            let above = answer.above_height;
            let text = above.map_or_else(|| "nothing".to_owned(), |above| format!("everything above {above}"));
            Shown {
                json: json!({ "network": network, "above_height": above, "note": answer.note }),
                header: vec!["NETWORK", "TAKEN BACK"],
                rows: vec![vec![network, text]],
            }
        }
    };
    shown.print(args.json);
    Ok(())
}

fn request(resume: ResumeArgs) -> Result<ResumeNetworkRequest, Failure> {
    let ResumeArgs { network, take_back_above, reason, yes, .. } = resume;
    if let Some(above) = take_back_above.filter(|_| !yes) {
        let text = format!("everything of {network} above {above} is taken back: repeat the command with --yes");
        return Err(Failure::new(USAGE, text));
    }
    let mode = if take_back_above.is_some() { ResumeMode::TakeBack } else { ResumeMode::LookAgain };
    Ok(ResumeNetworkRequest { network, mode: mode.into(), above_height: take_back_above, reason })
}

/// Waits until the rescan is gone; it as it was last seen, done.
async fn until_done(
    client: &mut NetworkServiceClient<Service>,
    name: &str,
    begun: BackScan,
) -> Result<BackScan, Failure> {
    let mut last = begun;
    progress::until_read("rescan", async || {
        let networks = client.list_networks(ListNetworksRequest {}).await?.into_inner().networks;
        last = match networks.into_iter().find(|network| network.network == name).and_then(|network| network.rescan) {
            Some(now) => now,
            None => BackScan { next_height: Some(last.to_height.saturating_add(1)), done: true, ..last },
        };
        Ok(vec![last])
    })
    .await?;
    Ok(last)
}

fn network(network: &Network) -> Shown {
    let mut shown = show::network(network);
    shown.json["rescan"] = network.rescan.as_ref().map_or(Value::Null, progress::scan_json);
    shown
}

fn rescan(name: &str, scan: &BackScan) -> Shown {
    let height = |height: Option<u64>| height.map(|height| height.to_string()).unwrap_or_default();
    let next = if scan.done { "done".to_owned() } else { height(scan.next_height) };
    Shown {
        json: json!({ "network": name, "rescan": progress::scan_json(scan) }),
        header: vec!["NETWORK", "FROM", "TO", "NEXT"],
        rows: vec![vec![name.to_owned(), height(scan.from_height), scan.to_height.to_string(), next]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resume(take_back_above: Option<u64>, yes: bool) -> ResumeArgs {
        let look_again = take_back_above.is_none();
        ResumeArgs { network: "main".to_owned(), look_again, take_back_above, reason: "why".to_owned(), yes }
    }

    #[test]
    fn taking_back_needs_a_yes_and_looking_again_does_not() {
        assert_eq!(request(resume(Some(7), false)).map_err(|failure| failure.code), Err(USAGE));
        let take_back = request(resume(Some(7), true)).unwrap();
        assert_eq!((take_back.mode(), take_back.above_height), (ResumeMode::TakeBack, Some(7)));
        let look_again = request(resume(None, false)).unwrap();
        assert_eq!((look_again.mode(), look_again.above_height), (ResumeMode::LookAgain, None));
    }

    #[test]
    fn a_rescan_says_where_it_is() {
        let scan = BackScan { from_height: Some(5), to_height: 9, next_height: Some(7), found: Some(1), done: false };
        assert_eq!(rescan("main", &scan).rows, [["main", "5", "9", "7"]]);
        assert_eq!(rescan("main", &BackScan { done: true, ..scan }).rows, [["main", "5", "9", "done"]]);
        let shown = network(&Network { network: "main".into(), rescan: Some(scan), ..Network::default() });
        assert_eq!(shown.json["rescan"]["next_height"], 7);
    }
}
