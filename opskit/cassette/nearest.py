"""What to say when a request was not recorded: the nearest ones that were, and what differs."""

from __future__ import annotations

from collections.abc import Iterable

from opskit.cassette.canonical import Form
from opskit.cassette.difference import differences

__all__ = ["describe"]

SHOWN = 3


def describe(asked: Form, recorded: Iterable[tuple[int, Form, bool]]) -> str:
    """A line for each of the nearest recorded requests.

    Parameters
    ----------
    asked : Form
        The request without an answer.
    recorded : iterable of (number, Form, played)
        Recorded ones to compare with.
    """
    found = []
    for number, form, played in recorded:
        differing = differences(form, asked)
        weight = sum(1 if difference.alike else 2 for difference in differing)
        found.append((weight, number, form, played, differing))
    found.sort(key=lambda item: item[:2])
    lines = []
    for _, number, form, played, differing in found[:SHOWN]:
        why = "; ".join(map(str, differing[:4])) or "equal"
        more = f"; and {len(differing) - 4} more" if len(differing) > 4 else ""
        spent = " (played already)" if played else ""
        lines.append(f"nearest: exchange {number}{spent} {form.method} {form.path}: {why}{more}")
    return "\n".join(lines)
