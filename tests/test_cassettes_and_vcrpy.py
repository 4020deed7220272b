"""Plain vcrpy plays the cassettes of this project, and a cassette that vcrpy recorded is played."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import requests
import vcr

import opskit
from opskit.cassette.format import load
from opskit.cassette.model import End, Framing
from opskit.wire.forward import Forwarder
from opskit.wire.listen import listen
from opskit.wire.relay import Relay
from opskit.wire.upstream import dialler

BUNDLED = sorted((Path(__file__).parent.parent / "cassettes").glob("*.yaml"))
TCP = "http://localhost:2375"
MOST = 40
"""How many of each: vcrpy looks at all of a cassette for each request."""


def ordinary(exchange):
    """Whether it is one question and one answer, as vcrpy knows them."""
    response = exchange.response
    return (
        exchange.request.method in ("GET", "HEAD")
        and exchange.end is End.COMPLETE
        and response.framing is not Framing.HIJACK
        and response.blob is None
        and sum(piece.data is not None for piece in response.pieces) <= 1
        and len(response.body()) <= 64 * 1024  # larger ones lie beside the cassette
    )


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_vcrpy_plays_the_ordinary_exchanges_of_each_bundled_cassette(path):
    asked = defaultdict(list)
    for exchange in load(path).exchanges:
        asked[exchange.request.method, exchange.request.target].append(exchange)
    played = 0
    with vcr.use_cassette(str(path), record_mode="none"), requests.Session() as session:
        for (method, target), exchanges in list(asked.items())[:MOST]:
            if not all(map(ordinary, exchanges)):
                continue
            for exchange in exchanges:
                answer = session.request(method, TCP + target, timeout=5)
                assert answer.status_code == exchange.response.status
                assert answer.content == exchange.response.body()
                played += 1
    assert played


@pytest.mark.live
def test_what_vcrpy_recorded_over_tcp_is_played(private_engine, tmp_path):
    path = tmp_path / "theirs.yaml"
    address = opskit.address.resolve(private_engine.url)
    with Relay(Forwarder(dialler(address)), listen("tcp://127.0.0.1:0")) as relay:
        url = relay.address.replace("tcp://", "http://")
        with vcr.use_cassette(str(path), record_mode="all"), requests.Session() as session:
            images = session.get(f"{url}/v1.41/images/json?all=1", timeout=20).json()
            version = session.get(f"{url}/version", timeout=20).json()
            made = session.post(f"{url}/v1.41/volumes/create", json={"Name": "theirs"}, timeout=20)
            missing = session.get(f"{url}/v1.41/containers/none/json", timeout=20)
    private_engine.api("DELETE", "/volumes/theirs")
    with opskit.replay(path) as engine:
        assert engine.get("/v1.41/images/json", all=1) == images
        assert engine.get("/version") == version
        assert engine.post("/v1.41/volumes/create", {"Name": "theirs"}) == made.json()
        with pytest.raises(opskit.errors.NotFound, match="No such container"):
            engine.get("/v1.41/containers/none/json")
        assert missing.status_code == 404
