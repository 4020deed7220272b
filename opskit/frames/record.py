"""One inspected object as a record to browse: by key, by attribute, as a tree, or flattened."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any

import pandas as pd

__all__ = ["Record", "flatten"]

_WIDTH = 96


class Record(Mapping[str, Any]):
    """What ``inspect`` answers, with the engine's own names.

    Nested objects are records too: ``record.State.Health.Status`` and
    ``record["State"]["Health"]["Status"]`` are the same, and completion knows the names. In a
    notebook it shows as a tree to open and close; printed, as indented text.

    What is called like a secret (a password in ``Config.Env``, say) shows as stars, so that it is
    neither on the screen nor in a saved notebook. To see it, ask for it: ``record.Config.Env``,
    ``record.flat()`` and ``record.raw`` have the values.

    Parameters
    ----------
    data : mapping
        Decoded JSON. It is shown, not copied.
    title : str
        What the tree is headed with.
    mask : callable, optional
        Gives the data as it may be shown.
    """

    __slots__ = ("_data", "_mask", "_title")

    def __init__(
        self,
        data: Mapping[str, Any],
        title: str = "",
        mask: Callable[[Any], Any] | None = None,
    ) -> None:
        object.__setattr__(self, "_data", data)
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_mask", mask)

    @property
    def raw(self) -> dict[str, Any]:
        """The JSON as plain dicts and lists."""
        return dict(self._data)

    def flat(self) -> pd.Series:
        """All values in one Series, indexed by their dotted path.

        Lists of plain values stay one value; lists of objects count on: ``Mounts.0.Source``.
        """
        paths = dict(_leaves(self._data, ""))
        return pd.Series(paths, name=self._title or None, dtype=object)

    def __getitem__(self, key: str) -> Any:
        return _wrap(self._data[key], key, self._mask)

    def __getattr__(self, name: str) -> Any:
        if name in self._data:
            return _wrap(self._data[name], name, self._mask)
        lower = {str(key).lower(): str(key) for key in self._data}
        near = difflib.get_close_matches(name.replace("_", "").lower(), lower, n=3)
        hint = f"; do you mean {', '.join(lower[key] for key in near)}?" if near else ""
        raise AttributeError(f"{self._title or 'the record'} has no {name}{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a record shows what the engine said; take .raw to change a copy")

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self._data if str(key).isidentifier())]

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, (self._data, self._title, self._mask)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._data)

    def _shown(self) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self._mask(self._data) if self._mask else self._data
        return shown

    def __repr__(self) -> str:
        lines = [self._title] if self._title else []
        lines += _text_lines(self._shown(), "  " if self._title else "")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        inside = "".join(_html(key, value) for key, value in self._shown().items())
        head = f"<div class='opskit-title'>{escape(self._title)}</div>" if self._title else ""
        return f"<div class='opskit-record'><style>{_STYLE}</style>{head}{inside}</div>"


def flatten(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Several inspected objects as a frame: a row each, a column for every dotted path."""
    return pd.DataFrame([dict(_leaves(record, "")) for record in records], dtype=object)


def _wrap(value: Any, title: str, mask: Callable[[Any], Any] | None) -> Any:
    if isinstance(value, dict):
        return Record(value, title, mask)
    if isinstance(value, list):
        return [_wrap(item, f"{title}[{i}]", mask) for i, item in enumerate(value)]
    return value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Values and their dotted paths; empty objects and plain lists count as values."""
    branches: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        branches = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        branches = enumerate(value)
    if not branches or value == {}:
        yield path, value
        return
    for key, item in branches:
        yield from _leaves(item, f"{path}.{key}" if path else str(key))


def _branches(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, list):
        return [(str(i), item) for i, item in enumerate(value)]
    return []


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return str(value) if value != "" else '""'


def _text_lines(value: Any, indent: str) -> Iterator[str]:
    for key, item in _branches(value):
        if _branches(item):
            yield f"{indent}{key}:"
            yield from _text_lines(item, indent + "  ")
        else:
            text = " ".join(_plain(item).split("\n"))
            room = max(_WIDTH - len(indent) - len(key), 20)
            yield f"{indent}{key}: {text if len(text) <= room else text[: room - 1] + '…'}"


def _html(key: str, value: Any) -> str:
    branches = _branches(value)
    name = f"<span class='opskit-key'>{escape(str(key))}</span>"
    if not branches:
        kind = type(value).__name__ if value not in (None, "", [], {}) else "empty"
        text = f"<span class='opskit-{kind}'>{escape(_plain(value))}</span>"
        return f"<div class='opskit-leaf'>{name}{text}</div>"
    inside = "".join(_html(inner, item) for inner, item in branches)
    hint = f"<span class='opskit-hint'>{escape(_hint(value, branches))}</span>"
    return f"<details><summary>{name}{hint}</summary><div>{inside}</div></details>"


def _hint(value: Any, branches: list[tuple[str, Any]]) -> str:
    """What is inside, for a branch that is closed."""
    if isinstance(value, list):
        plain = [_plain(item) for _, item in branches if not _branches(item)]
        words = plain if len(plain) == len(branches) else [f"{len(branches)} items"]
    else:
        words = [key for key, _ in branches]
    text = ", ".join(words)
    return text if len(text) <= 80 else text[:79] + "…"


# JupyterLab's own colours, so that it fits light and dark; outside, what surrounds it
_STYLE = """
.opskit-record{font-family:var(--jp-code-font-family,monospace);line-height:1.5;
font-size:var(--jp-code-font-size,13px);color:var(--jp-content-font-color1,inherit);
max-width:100%;overflow-x:auto}
.opskit-record .opskit-title{font-weight:600;padding-bottom:.2em}
.opskit-record summary{cursor:pointer;list-style:none;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
.opskit-record summary::-webkit-details-marker{display:none}
.opskit-record summary::before{content:'\\25B8';display:inline-block;width:1.1em;
color:var(--jp-content-font-color2,rgba(128,128,128,.9))}
.opskit-record details[open]>summary::before{content:'\\25BE'}
.opskit-record summary:hover{background:var(--jp-layout-color2,rgba(128,128,128,.15))}
.opskit-record details>div{border-left:1px solid var(--jp-border-color2,rgba(128,128,128,.35));
margin-left:.35em;padding-left:.75em}
.opskit-record .opskit-leaf{margin-left:1.1em;overflow-wrap:anywhere}
.opskit-record .opskit-key{color:var(--jp-mirror-editor-property-color,#4078c0);
margin-right:.9em}
.opskit-record .opskit-hint,.opskit-record .opskit-empty{
color:var(--jp-content-font-color2,rgba(128,128,128,.9))}
.opskit-record details[open]>summary .opskit-hint{display:none}
.opskit-record .opskit-int,.opskit-record .opskit-float{
color:var(--jp-mirror-editor-number-color,inherit)}
.opskit-record .opskit-bool{color:var(--jp-mirror-editor-keyword-color,inherit);font-weight:600}
""".replace("\n", "")
