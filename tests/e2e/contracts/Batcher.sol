// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface ReturnsNothing {
    function transfer(address to, uint256 value) external;
}

/// Pays many people in one transaction out of its own balance, as exchanges do.
contract Batcher {
    function pay(ReturnsNothing token, address[] calldata to, uint256[] calldata values) public {
        for (uint256 i = 0; i < to.length; i++) {
            token.transfer(to[i], values[i]);
        }
    }

    /// The same through one more contract call, so that neither `tx.to` nor the caller is the payer's wallet.
    function payThroughSelf(ReturnsNothing token, address[] calldata to, uint256[] calldata values) external {
        this.pay(token, to, values);
    }

    /// Pays, then fails: nothing of it may ever be credited.
    function payAndRevert(ReturnsNothing token, address[] calldata to, uint256[] calldata values) external {
        pay(token, to, values);
        revert("changed my mind");
    }
}
