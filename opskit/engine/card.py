"""An engine as a notebook shows it: where it is, what it is, how much it holds."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from opskit.errors import OpskitError
from opskit.frames.reading import human_bytes

if TYPE_CHECKING:
    from opskit.engine.base import RawEngine

__all__ = ["card"]

PATIENCE = 2.0
_STYLE = """<style>
.opskit-card{display:inline-block;padding:.6em 1em;border-radius:6px;
border:1px solid var(--jp-border-color1,rgba(128,128,128,.5));
color:var(--jp-content-font-color1,inherit);background:var(--jp-layout-color1,transparent)}
.opskit-card b{font-size:1.1em}
.opskit-card dl{display:grid;grid-template-columns:auto auto;gap:.1em 1em;margin:.4em 0 0}
.opskit-card dt{color:var(--jp-content-font-color2,rgba(128,128,128,.9));font-weight:400}
.opskit-card dd{margin:0}
.opskit-card .opskit-down{color:var(--jp-error-color1,#b00020)}
</style>"""


def card(engine: RawEngine) -> str:
    """HTML of one engine (endpoint ``GET /info``); one that does not answer says why."""
    head = f"<b>Docker Engine</b> at <code>{escape(engine.address)}</code>"
    if engine.read_only:
        head += " (read-only)"
    try:
        info = engine.get("/info", timeout=min(PATIENCE, engine.timeout)) or {}
        rows = _rows(engine, info)
    except OpskitError as error:
        facts = f'<div class="opskit-down">{escape(error.what)}</div>'
    else:
        facts = _list(rows)
    return f'{_STYLE}<div class="opskit-card">{head}{facts}</div>'


def _list(rows: list[tuple[str, str]]) -> str:
    facts = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows if text)
    return f"<dl>{facts}</dl>"


def _rows(engine: RawEngine, info: dict[str, Any]) -> list[tuple[str, str]]:
    states = ("running", "paused", "stopped")
    counts = [(state, info.get(f"Containers{state.capitalize()}")) for state in states]
    told = ", ".join(f"{count} {state}" for state, count in counts if count is not None)
    memory = info.get("MemTotal")
    machine = [f"{info['NCPU']} CPUs"] if info.get("NCPU") else []
    machine += [f"{human_bytes(memory)} memory"] if memory else []
    return [
        ("version", f"{info.get('ServerVersion', '')}, API {engine.api_version}"),
        ("host", " · ".join(filter(None, (info.get("Name"), info.get("OperatingSystem"))))),
        ("machine", ", ".join(machine)),
        ("containers", told),
        ("images", str(info.get("Images", ""))),
    ]
