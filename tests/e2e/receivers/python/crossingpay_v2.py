import hashlib, hmac, json, re

ANSWER = (200, "success")  # exactly this acknowledges
NAMES = ["amount", "appid", "localusermark", "orderid", "sign", "t"]


def verify(headers, raw, secrets, now, orders=None):
    """The event, or ValueError. `orders`: order id to [username, address] as registered, for option A; none: option B."""
    told = json.loads(raw.decode())
    if not isinstance(told, dict) or sorted(told) != NAMES or not all(isinstance(v, str) for v in told.values()):
        raise ValueError("fields")
    if not re.fullmatch("[0-9]+", told["amount"]) or not re.fullmatch("[0-9]{10}", told["t"]):
        raise ValueError("fields")
    values = [told["appid"], told["localusermark"], told["orderid"], told["amount"], told["t"]]
    if orders is not None:
        if told["orderid"] not in orders:
            raise ValueError("order")
        username, address = orders[told["orderid"]]
        values[1:2] = [username, told["localusermark"], address]
    if any("|" in value for value in values):  # or values could be cut differently
        raise ValueError("fields")
    good = [hashlib.md5("|".join([*values, secret]).encode()).hexdigest() for secret in secrets]
    if not any(hmac.compare_digest(one.encode(), told["sign"].encode()) for one in good):
        raise ValueError("sign")
    if abs(now - int(told["t"])) > 300:
        raise ValueError("time")
    return {"key": f"{told['appid']} {told['orderid']}", "state": "", "at": int(told["t"]), "told": told}
