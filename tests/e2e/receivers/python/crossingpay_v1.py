import hashlib, hmac, json, re
from urllib.parse import parse_qsl

ANSWER = (200, "success")  # exactly this acknowledges
NAMES = ["amount", "appid", "localusermark", "orderid", "t"]  # in byte order


def sign(told, secret, scheme):
    if scheme == "sha1_kv_upper":
        text = "".join(name + told[name] for name in NAMES)
        if any(text.count(name) != 1 for name in NAMES[1:4]):  # or values could be cut differently
            raise ValueError("fields")
        return hashlib.sha1((text + secret).encode()).hexdigest().upper()
    if any("&" in told[name] for name in NAMES):  # likewise
        raise ValueError("fields")
    text = "&".join(f"{name}={told[name]}" for name in NAMES)
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest().upper()


def verify(headers, raw, secrets, now, scheme="hmac_sha256_sorted"):
    """The event, or ValueError. `scheme` is your app's; never choose it by the length of a sign."""
    is_json = headers.get("content-type", "").startswith("application/json")
    text = raw.decode()
    told = json.loads(text) if is_json else dict(parse_qsl(text, keep_blank_values=True, errors="strict"))
    if not isinstance(told, dict) or sorted(told) != sorted([*NAMES, "sign"]):
        raise ValueError("fields")
    if not all(isinstance(value, str) for value in told.values()):
        raise ValueError("fields")
    if not re.fullmatch("[0-9]+", told["amount"]) or not re.fullmatch("[0-9]{10}", told["t"]):
        raise ValueError("fields")
    good = [sign(told, secret, scheme).encode() for secret in secrets]
    if not any(hmac.compare_digest(one, told["sign"].encode()) for one in good):
        raise ValueError("sign")
    if abs(now - int(told["t"])) > 300:
        raise ValueError("time")
    return {"key": f"{told['appid']} {told['orderid']}", "state": "", "at": int(told["t"]), "told": told}
