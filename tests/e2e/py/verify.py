"""Judges notifications with the verifier published on PyPI.

Reads one JSON object a line from stdin: {"secret", "headers", "text"}; answers one line each:
"ok", or "refused: why".
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    case = json.loads(line)
    try:
        Webhook(case["secret"]).verify(case["text"].encode(), case["headers"])
        print("ok")
    except WebhookVerificationError as error:
        print(f"refused: {error}")
