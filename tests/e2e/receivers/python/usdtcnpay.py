import hmac, json, re

ANSWER = (200, "success")  # 200 acknowledges, with any text
NAMES = ["amount", "chargeNo", "orderNo", "timestamp", "zt"]  # in byte order


def verify(headers, raw, secrets, now):
    """The event, or ValueError. One function for both URLs: `zt` says which it is."""
    told = json.loads(raw.decode())
    if not isinstance(told, dict) or sorted(told) != sorted([*NAMES, "sign"]):
        raise ValueError("fields")
    if not all(isinstance(value, str) for value in told.values()) or any("&" in told[name] for name in NAMES):
        raise ValueError("fields")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", told["amount"]) or not re.fullmatch("[0-9]{10}", told["timestamp"]):
        raise ValueError("fields")
    text = "&".join(f"{name}={told[name]}" for name in NAMES).encode()
    good = [hmac.new(secret.encode(), text, "sha256").hexdigest() for secret in secrets]
    if not any(hmac.compare_digest(one.encode(), told["sign"].encode()) for one in good):
        raise ValueError("sign")
    if abs(now - int(told["timestamp"])) > 300:
        raise ValueError("time")
    return {"key": told["chargeNo"], "state": told["zt"], "at": int(told["timestamp"]), "told": told}
