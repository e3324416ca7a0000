"""Takes one message of a webhook and says whether the sample of the guide finds it right, and what it says of changed ones."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, sys.argv[1])
from verify import verify


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.taken = dict(self.headers), self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
secret = sys.stdin.readline().strip()
server.handle_request()
headers, body = server.taken
headers = {name.lower(): value for name, value in headers.items()}
old = str(int(headers["webhook-timestamp"]) - 301)
other = {**headers, "webhook-signature": "v1,AAAA " + headers["webhook-signature"]}
cases = [(headers, body), (other, body), (headers, body + b" "), ({**headers, "webhook-timestamp": old}, body)]
print(json.dumps([verify(secret, *case) for case in cases]))
