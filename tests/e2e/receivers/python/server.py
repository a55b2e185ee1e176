"""server.py PROTOCOL PORT SECRETS_FILE STORE_FILE [OPTIONS]   behind whatever ends your TLS"""
import importlib, json, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from store import is_news, open_store

protocol, port, secrets_file, store_file, *options = sys.argv[1:]
module, db = importlib.import_module(protocol), open_store(store_file)
options = json.loads(options[0]) if options else {}


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(min(int(self.headers.get("content-length") or 0), 65536))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with open(secrets_file, encoding="utf-8") as file:  # one a line; two during a rotation
            secrets = [line for line in file.read().split("\n") if line]
        try:
            event = module.verify(headers, raw, secrets, time.time(), **options)
            with db:  # one transaction
                if is_news(db, event):
                    print(json.dumps(event), flush=True)  # book it here
            status, text = module.ANSWER
        except ValueError as refused:
            status, text = 401, str(refused)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


HTTPServer(("127.0.0.1", int(port)), Hook).serve_forever()
