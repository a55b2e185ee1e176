"""Reads a TRON node with tronpy, as published on PyPI; it asks for every address in base58 (`visible`).

Usage: tron_reader.py URL HEIGHT TX
Prints one JSON object; any surprise ends with a traceback and exit code 1.
"""

import json
import sys

from tronpy import Tron
from tronpy.exceptions import BlockNotFound, TransactionNotFound
from tronpy.providers import HTTPProvider


def is_missing(ask, absent) -> bool:
    """Whether the client takes the answer for "not found"."""
    try:
        ask()
    except absent:
        return True
    return False


def main(url: str, height: str, tx: str) -> None:
    client = Tron(HTTPProvider(url))
    block = client.get_block(int(height))
    head = client.get_latest_block_number()
    print(json.dumps({
        "head": head,
        "head_id": client.get_latest_block_id(),
        "solid": client.get_latest_solid_block_number(),
        "solid_id": client.get_latest_solid_block_id(),
        "block": block,
        "same_by_id": client.get_block(block["blockID"]) == block,
        "now": client.get_block(),
        "latest": client.get_latest_block(),
        "latest_solid": client.get_latest_solid_block(),
        "transaction": client.get_transaction(tx),
        "info": client.get_transaction_info(tx),
        "solid_info": client.get_solid_transaction_info(tx),
        "no_block": is_missing(lambda: client.get_block(head + 1), BlockNotFound),
        "no_transaction": is_missing(lambda: client.get_transaction_info("00" * 32), TransactionNotFound),
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])
