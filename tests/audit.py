#!/usr/bin/env python3
"""Checks the dependency tree against .deny.toml: licences, sources, bans and floors from Cargo.lock alone;
advisories through cargo-deny where it and its database can be had.

Exit code 0: nothing found; 1: findings; 3: nothing found, but advisories could not be looked up.
`tests/audit.py --self-test` shows that each check can fail.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version_key(text: str) -> tuple[int, ...]:
    """`1.11.1` as numbers; build and pre-release parts do not matter for floors."""
    numbers = [int(part) for part in re.split(r"[-+]", text)[0].split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def licence_allowed(expression: str, allowed: set[str]) -> bool:
    """An SPDX expression: every part of an AND, one part of an OR. The old `/` means OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    place = 0

    def term() -> bool:
        nonlocal place
        if tokens[place] == "(":
            place += 1
            inside = any_of()
            place += 1
            return inside
        name = tokens[place]
        place += 1
        if place + 1 < len(tokens) and tokens[place] == "WITH":
            name = f"{name} WITH {tokens[place + 1]}"
            place += 2
        return name in allowed

    def all_of() -> bool:
        nonlocal place
        holds = term()
        while place < len(tokens) and tokens[place] == "AND":
            place += 1
            holds = term() and holds
        return holds

    def any_of() -> bool:
        nonlocal place
        holds = all_of()
        while place < len(tokens) and tokens[place] == "OR":
            place += 1
            holds = all_of() or holds
        return holds

    holds = any_of()
    if place != len(tokens):
        raise ValueError(f"not a licence expression: {expression}")
    return holds


def findings(packages: list[dict], policy: dict) -> list[str]:
    """Everything the policy forbids, one line each."""
    allowed = set(policy["licenses"]["allow"])
    registries = {f"registry+{url}" for url in policy["sources"]["allow-registry"]}
    found = []
    for package in packages:
        name, version, source = package["name"], package["version"], package["source"]
        label = f"{name} {version}"
        if source is None and name == "depositd":
            continue
        if source not in registries:
            found.append(f"{label}: comes from {source}")
        if not package["license"] or not licence_allowed(package["license"], allowed):
            found.append(f"{label}: licence {package['license']!r} is not on the list")
        for ban in policy["bans"]["deny"]:
            banned, _, floor = ban["crate"].partition("@<")
            if banned == name and (not floor or version_key(version) < version_key(floor)):
                found.append(f"{label}: banned ({ban['crate']}): {ban['reason']}")
    return found


def advisories() -> tuple[str, list[str]]:
    """What cargo-deny says: ("ok" | "SKIPPED (why)" | "found", lines)."""
    if not shutil.which("cargo-deny"):
        return "SKIPPED (cargo-deny is not installed)", []
    command = ["cargo", "deny", "--locked", "check", "--config", str(ROOT / ".deny.toml"), "advisories"]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return "SKIPPED (database not reachable)", []
    if run.returncode == 0:
        return "ok", []
    if re.search(r"failed to (fetch|clone|load|open).*(advisory|database)", run.stderr, re.IGNORECASE):
        return "SKIPPED (database not reachable)", []
    return "found", run.stderr.splitlines()


def self_test(policy: dict) -> None:
    """Planted faults: each must be found, and a clean crate must not be."""
    registry = "registry+https://github.com/rust-lang/crates.io-index"

    def about(name="clean", version="1.0.0", source=registry, license="MIT"):
        return findings([{"name": name, "version": version, "source": source, "license": license}], policy)

    assert about() == []
    assert about(license="(MIT OR GPL-3.0-only) AND Unicode-3.0") == []
    assert about(license="Apache-2.0 WITH LLVM-exception OR GPL-2.0-only") == []
    assert about(name="h2", version="0.4.16") == [] and about(name="ring", version="0.17.14") == []
    for planted in (
        {"license": "GPL-3.0-only"}, {"license": None}, {"license": "MIT AND GPL-3.0-only"},
        {"license": "GPL-2.0-only WITH Classpath-exception-2.0"}, {"source": "git+https://example.org/x"},
        {"source": None}, {"name": "openssl-sys"}, {"name": "h2", "version": "0.4.15"},
        {"name": "ring", "version": "0.16.20"}, {"name": "bytes", "version": "1.9.0"},
    ):
        assert len(about(**planted)) == 1, planted
    print("audit: self-test ok")


def main() -> int:
    policy = tomllib.loads((ROOT / ".deny.toml").read_text())
    if sys.argv[1:] == ["--self-test"]:
        self_test(policy)
        return 0
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    found = findings(packages, policy)
    for line in found:
        print(f"audit: {line}")
    print(f"audit: licences, sources, bans and floors of {len(packages)} crates: {len(found)} findings")
    verdict, lines = advisories()
    print("\n".join(lines + [f"audit: advisories {verdict}"]))
    if found or verdict == "found":
        return 1
    return 0 if verdict == "ok" else 3


if __name__ == "__main__":
    sys.exit(main())
