import base64, hmac, json, re

ANSWER = (204, "")  # any 2xx acknowledges


def verify(headers, raw, secrets, now):
    """The event, or ValueError. `secrets`: texts that begin with whsec_."""
    event_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch("[A-Za-z0-9_-]+", event_id) or not re.fullmatch("[0-9]{10}", at):
        raise ValueError("fields")
    signed = f"{event_id}.{at}.".encode() + raw
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    good = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    sent = headers.get("webhook-signature", "").encode().split(b" ")
    if not any(hmac.compare_digest(one, other) for one in good for other in sent):
        raise ValueError("sign")
    if abs(now - int(at)) > 300:
        raise ValueError("time")
    return {"key": event_id, "state": "", "at": int(at), "told": json.loads(raw.decode())}
