"""What to ask ``/events`` for: filters as the docker CLI names them, and the window's bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from opskit.times import to_ns

__all__ = ["Values", "filters_of", "instant", "matches", "window"]

# moby's daemon/events/filter.go and api/server/router/system; an unknown one matches nothing there
FILTERS = frozenset(
    {
        "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin",
        "scope", "secret", "service", "type", "volume",
    }
)  # fmt: skip
Values = str | Iterable[str] | None


def filters_of(
    filters: Mapping[str, Any] | None = None, **words: Values | Mapping[str, str]
) -> dict[str, list[str]]:
    """One mapping of lists from ``filters=`` and the keywords.

    Raises
    ------
    ValueError
        A filter that the Engine API does not know: the engine would answer with nothing.
    """
    merged: dict[str, list[str]] = {}
    for given in (filters or {}, words):
        for name, value in given.items():
            if name not in FILTERS:
                raise ValueError(
                    f"no events filter is called {name!r}; there are {', '.join(sorted(FILTERS))}"
                )
            merged.setdefault(name, []).extend(_listed(value))
    return {name: values for name, values in merged.items() if values}


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):  # {"app": "web"}, or the API's own {"app=web": True}
        return [
            f"{key}={text}" if isinstance(text, str) else str(key) for key, text in value.items()
        ]
    return [str(one) for one in value]


def window(since: Any, until: Any, now: int) -> tuple[int | None, int]:
    """The bounds in nanoseconds; without ``until`` the window ends now.

    Raises
    ------
    ValueError
        The window ends before it begins, or lies ahead.
    """
    begin = None if since is None else to_ns(since, now)
    end = now if until is None else to_ns(until, now)
    if begin is not None and begin > end:
        raise ValueError(
            f"since ({instant(begin)}) is after until ({instant(end)}): no event can lie between. "
            "A duration such as '10m' counts back from now."
        )
    if end > now + 1_000_000_000:
        raise ValueError(
            f"until ({instant(end)}) lies ahead. To wait for events use engine.watch(timeout=…)."
        )
    return begin, end


def instant(ns: int) -> pd.Timestamp:
    """Nanoseconds since the epoch as a timestamp in UTC."""
    return pd.Timestamp(ns, tz="UTC")


def matches(
    filters: Mapping[str, list[str]], ident: str, name: str, labels: Mapping[str, str]
) -> bool:
    """Whether a container is among those that the filters let through."""
    if "container" not in filters.get("type", ["container"]):
        return False
    wanted = filters.get("container")
    if wanted and not any(ident.startswith(w) or name.startswith(w) for w in wanted):
        return False
    for label in filters.get("label", ()):
        key, has_value, value = label.partition("=")
        if key not in labels or (has_value and labels[key] != value):
            return False
    return True
