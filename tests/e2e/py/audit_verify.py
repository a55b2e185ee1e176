"""Verifies an export of the audit log with nothing of depositd's but the words of its contract.

    audit_verify.py EXPORT [NUMBER:HASH]

Prints "ok: N records, the last is N:HASH", or what is wrong with the first record that is not what was written, and
exits 1. NUMBER:HASH is a checkpoint that was kept elsewhere.
"""

import hashlib
import json
import sys
from datetime import datetime, timezone

GENESIS = b"depositd audit, before record 1."
FIELDS = ["number", "time", "time_ms", "actor", "action", "subject", "before", "after", "reason", "previous_hash", "hash"]


class Broken(Exception):
    pass


def digest(record, previous):
    """SHA-256 over the hash before and eight texts, each behind its length in eight bytes, big-endian."""
    texts = [str(record["number"]), str(record["time_ms"])]
    texts += [record[name] for name in ("actor", "action", "subject", "before", "after", "reason")]
    hasher = hashlib.sha256(previous)
    for text in texts:
        data = text.encode()
        hasher.update(len(data).to_bytes(8, "big") + data)
    return hasher.digest()


def check(record, number, previous):
    if sorted(record) != sorted(FIELDS):
        raise Broken(f"record {number}: its fields are {sorted(record)}")
    if record["number"] != number:
        raise Broken(f"record {number}: number {record['number']} stands in its place")
    if record["previous_hash"] != previous.hex():
        raise Broken(f"record {number}: it does not follow the one before it")
    found = digest(record, previous)
    if record["hash"] != found.hex():
        raise Broken(f"record {number}: its content has another hash than it says")
    at = datetime.fromtimestamp(record["time_ms"] // 1000, timezone.utc)
    if record["time"] != at.strftime("%Y-%m-%dT%H:%M:%SZ"):
        raise Broken(f"record {number}: time is not what time_ms says")
    return found


def verify(lines, kept=None):
    last, hashes = GENESIS, {0: GENESIS.hex()}
    *records, end = [json.loads(line) for line in lines] or [None]
    for number, record in enumerate(records, 1):
        last = check(record, number, last)
        hashes[number] = last.hex()
    if end != {"end": {"count": len(records), "hash": last.hex()}}:
        raise Broken(f"the end is not that of {len(records)} records and {last.hex()}")
    if kept and hashes.get(int(kept.split(":")[0])) != kept.split(":")[1]:
        raise Broken(f"the checkpoint {kept} is not in it")
    return f"ok: {len(records)} records, the last is {len(records)}:{last.hex()}"


if __name__ == "__main__":
    try:
        with open(sys.argv[1], encoding="utf-8") as export:
            print(verify(export.read().splitlines(), *sys.argv[2:3]))
    except (Broken, ValueError, KeyError, TypeError) as error:
        print(error)
        sys.exit(1)
