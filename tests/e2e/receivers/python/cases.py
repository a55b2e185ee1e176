"""Judges cases for the tests: one JSON object a line in, one out. A case with a `store` is also looked up there."""
import base64, importlib, json, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from store import is_news, open_store  # noqa: E402

stores = {}
for line in sys.stdin:
    case = json.loads(line)
    module = importlib.import_module(case["module"])
    raw = base64.b64decode(case["raw"])
    try:
        event = module.verify(case["headers"], raw, case["secrets"], case["now"], **case.get("options", {}))
    except ValueError as refused:
        print(json.dumps({"refused": str(refused)}))
        continue
    verdict = {"key": event["key"], "state": event["state"], "at": event["at"], "told": event["told"]}
    if "store" in case:
        if case["store"] not in stores:
            stores[case["store"]] = open_store(":memory:")
        verdict["news"] = is_news(stores[case["store"]], event)
    print(json.dumps(verdict))
