"""opskit's cassettes for users of vcrpy: every format, and large bodies too.

Plain vcrpy reads a ``.yaml`` as it is, but for bodies that lie beside it: of those it sees a line
that says where they are. With this persister it reads and writes whatever opskit does::

    recorder = vcr.VCR()
    recorder.register_persister(opskit.cassette.persister.Persister)
    with recorder.use_cassette("cassettes/shop.jsonl.gz"):
        requests.get("http://localhost:2375/v1.41/containers/json")
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from opskit.cassette.format import Cassette, load, save
from opskit.cassette.model import Body, Exchange, Framing, Piece, Request, Response
from opskit.cassette.records import BASE_URL

__all__ = ["Persister"]


class Persister:
    """What vcrpy calls to load and save a cassette; hand the class to ``register_persister``."""

    @classmethod
    def load_cassette(cls, cassette_path: str | os.PathLike[str], serializer: Any) -> Any:
        """The requests, responses and metadata of a cassette, as vcrpy has them.

        Raises
        ------
        vcr.persisters.filesystem.CassetteNotFoundError
            There is no such file: vcrpy then records it.
        CassetteFormatError
            The file is damaged. Nothing is recorded over it.
        """
        from vcr.persisters.filesystem import CassetteNotFoundError
        from vcr.request import Request as VcrRequest

        path = Path(cassette_path)
        if not path.exists():
            raise CassetteNotFoundError
        opened = load(path)
        requests, responses = [], []
        for exchange in opened.exchanges:
            response = exchange.response
            if response is None:
                continue
            sent = exchange.request
            headers = dict(reversed(sent.headers))
            requests.append(
                VcrRequest(sent.method, BASE_URL + sent.target, sent.body.data or None, headers)
            )
            grouped: dict[str, list[str]] = {}
            for name, value in response.headers:
                grouped.setdefault(name, []).append(value)
            whole = Path(response.blob).read_bytes() if response.blob else response.body()
            responses.append(
                {
                    "status": {"code": response.status, "message": response.reason},
                    "headers": grouped,
                    "body": {"string": whole},
                }
            )
        return requests, responses, opened.metadata

    @classmethod
    def save_cassette(
        cls, cassette_path: str | os.PathLike[str], cassette_dict: dict[str, Any], serializer: Any
    ) -> None:
        """Write what vcrpy recorded, in the format that the name asks for."""
        path = Path(cassette_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        pairs = zip(cassette_dict["requests"], cassette_dict["responses"], strict=True)
        made = [_exchange(number, *pair) for number, pair in enumerate(pairs, 1)]
        metadata = {**(cassette_dict.get("metadata") or {}), "exchanges": len(made)}
        save(Cassette(made, metadata), path)


def _exchange(number: int, request: Any, response: dict[str, Any]) -> Exchange:
    """vcrpy knows no order and no pieces: one after the other, each body in one piece."""
    order = 4 * number
    target = request.uri.split("://", 1)[-1]
    body = request.body_bytes if hasattr(request, "body_bytes") else request.body
    data = body if isinstance(body, bytes) else b""
    headers = [(str(name), str(value)) for name, value in request.headers.items()]
    said = response["body"].get("string") or b""
    if isinstance(said, str):
        said = said.encode()
    answer = Response(
        response["status"]["code"],
        response["status"]["message"] or "",
        [(name, value) for name, values in response["headers"].items() for value in values],
        Framing.LENGTH,
        order=order + 1,
    )
    if said:
        answer.pieces = [Piece(order + 2, 0.0, "engine", said)]
    path = "/" + target.partition("/")[2]
    sent = Request(request.method, path, headers, Body(data, length=len(data)), order=order)
    return Exchange(number, sent, answer, end_order=order + 3)
