"""``python index.py PORT``: an image index for an engine's search, to run where the engine is.

Engines search at ``http://HOST/v1/search`` when the term is ``HOST/words``.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

IMAGES = [
    {"name": "nginx", "description": "Web server.", "star_count": 20000, "is_official": True},
    {"name": "team/nginx", "description": "Ours.", "star_count": 3, "is_official": False},
    {"name": "redis", "description": "Key-value store.", "star_count": 13000, "is_official": True},
]


class Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        term, count = query.get("q", [""])[0], int(query.get("n", ["25"])[0])
        found = [image for image in IMAGES if term in str(image["name"])][:count]
        search = {"num_results": len(found), "query": term, "results": found}
        body = json.dumps(search if url.path == "/v1/search" else {}).encode()
        self.send_response(200 if url.path in ("/v1/search", "/v1/_ping") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Engines try TLS first: what fails then is expected."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Index)
    print("listening", flush=True)
    server.serve_forever()
