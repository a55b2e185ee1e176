//! How much of what the endpoints say of a deposit is enough.

use super::*;

#[tokio::test]
async fn evidence_counts_support_contradiction_and_silence() {
    let has = |name| Fake::new(name).with(|says| says.receipts = vec![transfer(1)]);
    let verdict = async |sources: &[Fake], second_source: bool| {
        let pool = pool_with(sources, |settings| settings.second_source = second_source);
        let need = Need { threshold: Threshold::Finalized, second_source };
        match pool.evidence(&deposit(1), need).await {
            EvidenceVerdict::Agreed(evidence) => {
                assert!(evidence.supports(&deposit(1)));
                "agreed"
            }
            EvidenceVerdict::Contradicted(_) => "contradicted",
            EvidenceVerdict::NotYet(_) => "not yet",
        }
    };
    let lacks = || Fake::new("lacks");
    let behind = || Fake::new("behind").with(|says| says.head = 4);
    let dead = || Fake::new("dead").with(|says| says.trouble = Some(broken()));
    let forked = || has("forked").with(|says| says.fork = 3);
    let altered = || {
        Fake::new("altered").with(|says| says.receipts = vec![Transfer { amount: TokenAmount::of(9), ..transfer(1) }])
    };
    assert_eq!(verdict(&[has("a")], false).await, "agreed");
    assert_eq!(verdict(&[has("a")], true).await, "not yet");
    assert_eq!(verdict(&[has("a"), has("b")], true).await, "agreed");
    assert_eq!(verdict(&[has("a"), lacks()], false).await, "contradicted");
    assert_eq!(verdict(&[has("a"), forked()], false).await, "contradicted");
    assert_eq!(verdict(&[has("a"), altered()], false).await, "contradicted");
    assert_eq!(verdict(&[behind(), has("a")], false).await, "agreed");
    assert_eq!(verdict(&[behind(), has("a")], true).await, "not yet");
    assert_eq!(verdict(&[dead(), has("a"), has("b")], true).await, "agreed");
    assert_eq!(verdict(&[dead()], false).await, "not yet");
    assert_eq!(verdict(&[behind()], false).await, "not yet");
}
