"""An engine as a cell's value: a card that tells what it is, also when it is away."""

from __future__ import annotations

import pytest

import opskit

from .engines import PrivateEngine


@pytest.mark.live
def test_an_engine_shows_what_it_is_and_says_when_it_is_away(fresh_engine: PrivateEngine) -> None:
    fresh_engine.run(name="counted")
    with opskit.connect(fresh_engine.url) as engine:
        card = engine._repr_html_()
        assert engine.engine_version in card
        assert "1 running" in card
        assert repr(engine) == f"<Engine {fresh_engine.url}, API {engine.api_version}>"
        fresh_engine.kill()
        assert "nobody listens" in engine._repr_html_()
