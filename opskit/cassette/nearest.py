"""What to say when a request was not recorded: the nearest ones that were, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from opskit.cassette.canonical import Form
from opskit.cassette.difference import Difference, differences, short

__all__ = ["describe"]

SHOWN = 3
TOLD = 4


def describe(asked: Form, recorded: Iterable[tuple[int, Form, bool]]) -> str:
    """A line for each of the nearest recorded requests.

    Parameters
    ----------
    asked : Form
        The request without an answer.
    recorded : iterable of (number, Form, played)
        Recorded ones to compare with.
    """
    found: dict[bytes, tuple[int, int, Form, bool, list[Difference]]] = {}
    alike: Counter[bytes] = Counter()
    for number, form, played in recorded:
        key = form.key()
        alike[key] += 1
        if key not in found:
            differing = differences(form, asked)
            weight = sum(1 if difference.alike else 2 for difference in differing)
            found[key] = weight, number, form, played, differing
    lines = []
    for key, item in sorted(found.items(), key=lambda pair: pair[1][:2])[:SHOWN]:
        _, number, form, played, differing = item
        where = f"exchange {number}" + (f" and {alike[key] - 1} like it" if alike[key] > 1 else "")
        spent = " (played already)" if played else ""
        why = "; ".join(map(str, differing[:TOLD])) or "equal"
        more = f"; and {len(differing) - TOLD} more" if len(differing) > TOLD else ""
        lines.append(f"nearest: {where}{spent}, {form.method} {short(form.path)}: {why}{more}")
    return "\n".join(lines)
