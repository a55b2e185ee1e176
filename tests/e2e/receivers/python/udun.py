import hashlib, hmac, json, re
from urllib.parse import parse_qsl

ANSWER = (200, "success")  # 200 acknowledges, with any text


def verify(headers, raw, secrets, now):
    """The event, or ValueError."""
    form = dict(parse_qsl(raw.decode(), keep_blank_values=True, errors="strict"))
    if sorted(form) != ["body", "nonce", "sign", "timestamp"]:
        raise ValueError("fields")
    body, nonce, at = form["body"], form["nonce"], form["timestamp"]
    if not re.fullmatch("[A-Za-z0-9]{6}", nonce) or not re.fullmatch("[0-9]{13}", at):
        raise ValueError("fields")  # their lengths are fixed, or the text could be cut differently
    good = [hashlib.md5((body + key + nonce + at).encode()).hexdigest() for key in secrets]
    if not any(hmac.compare_digest(one.encode(), form["sign"].encode()) for one in good):
        raise ValueError("sign")
    if abs(now * 1000 - int(at)) > 300_000:
        raise ValueError("time")
    told = json.loads(body)
    if not isinstance(told, dict) or not isinstance(told.get("tradeId"), str) or "status" not in told:
        raise ValueError("fields")
    return {"key": told["tradeId"], "state": str(told["status"]), "at": int(at), "told": told}
