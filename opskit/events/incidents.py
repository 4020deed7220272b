"""What went wrong: one row an incident, with its evidence and how long it took to recover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from opskit.events.history import SECOND, Array, History, history
from opskit.events.marks import FLAPS, LOOPS, WITHIN
from opskit.events.spans import gaps_of, spans
from opskit.frames.columns import Column, build

__all__ = ["COLUMNS", "incidents"]

COLUMNS = (
    Column("begin", "datetime64[ns, UTC]", "", "When it began."),
    Column("kind", "str", "", "crash, oom, killed, restart loop, unhealthy, flapping, engine "
           "restart, gap, pull failed."),
    Column("name", "str", "", "The container's name, or the image's; missing for the engine."),
    Column("summary", "str", "", "The incident in a sentence."),
    Column("recovered", "datetime64[ns, UTC]", "", "When it was over: the container ran again for "
           "ten seconds or more, was healthy again, was removed; missing where it was not."),
    Column("recovery_seconds", "float64", "seconds", "From begin to recovered."),
    Column("count", "Int64", "", "How many deaths, changes of health or containers it is about."),
    Column("exit_code", "Int64", "", "The (last) exit code."),
    Column("exit_code_trusted", "boolean", "", "As in the events."),
    Column("evidence", "object", "", "Labels of the events that show it, for events.loc[…]."),
    Column("story", "str", "", "Joins the containers that followed each other under one name."),
    Column("id", "str", "", "Full id of the container."),
    Column("image", "str", "", "Its image."),
    Column("project", "str", "", "Its compose project."),
    Column("service", "str", "", "Its compose service."),
    Column("engine", "str", "", "The engine it happened on."),
)  # fmt: skip
"""Columns of ``engine.incidents()``."""
STABLE = 10 * SECOND  # after so long the engine takes a container for started, too
RUNS = ("running", "unhealthy", "paused")
UNASKED = ("exit", "oom", "kill", "engine restart")
Row = dict[str, Any]


def incidents(
    events: pd.DataFrame, inspect: Iterable[Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """The incidents in the events.

    Parameters
    ----------
    events, inspect
        As for `opskit.timeline`.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, sorted by begin. A container that ended with exit code 0, or because somebody
        stopped it, is no incident; three or more restarts by its policy, each within ten minutes
        of the one before, are one: a restart loop.
    """
    past = history(events, inspect or ())
    told = spans(past, events)
    teller = _Teller(past, events)
    rows = teller.of_engine()
    for story in _stories(past, told):
        rows += teller.of_story(story)
    data = {c.name: [row.get(c.name) for row in rows] for c in COLUMNS}
    frame = build(COLUMNS, data).sort_values("begin", kind="stable", ignore_index=True)
    frame.attrs.update(events.attrs)
    return frame


class _Span(NamedTuple):
    code: int
    what: str
    begin: int
    end: int
    open_end: bool
    ended_by: str | None
    exit_code: int
    trusted: float
    signal: int
    by_policy: bool
    cause_row: int
    from_row: int
    to_row: int


def _stories(past: History, told: Mapping[str, Array]) -> Iterator[list[_Span]]:
    """The spans of each story, in order."""
    story, _ = pd.factorize(past.about["story"])
    order = np.lexsort((told["begin"], story[told["code"]]))
    spans = list(map(_Span, *(told[name][order].tolist() for name in _Span._fields)))
    of = story[told["code"]][order]
    begins = [*np.flatnonzero(np.append(True, of[1:] != of[:-1])[: len(of)]), len(of)]
    for first, last in pairwise(begins):
        yield spans[first:last]


class _Teller:
    """Makes the rows of the incidents."""

    def __init__(self, past: History, events: pd.DataFrame) -> None:
        self.ids, self.events, self.labels = past.ids, events, events.index
        self.about: Any = past.about.to_dict("records")
        self.latest = int(past.time.max(initial=0))

    def of_story(self, story: list[_Span]) -> list[Row]:
        """The incidents of the containers of one name."""
        back = self._back(story)
        rows: list[Row] = []
        looping: set[int] = set()
        for loop in _series([n for n, span in enumerate(story) if span.by_policy], story):
            if len(loop) >= LOOPS:
                deaths = [n - 1 for n in loop if n and story[n - 1].ended_by in UNASKED]
                if loop[-1] + 1 < len(story) and story[loop[-1] + 1].ended_by in UNASKED:
                    deaths.append(loop[-1] + 1)
                looping.update(deaths)
                rows.append(self._loop(story, loop, deaths, back))
        for n, span in enumerate(story):
            if span.what in RUNS and span.ended_by in UNASKED and n not in looping:
                rows += self._death(story, n, back)
        return rows + self._health(story, back)

    def _back(self, story: list[_Span]) -> list[int]:
        """For each span when the story, after it, ran for good again or was removed; else 0."""
        back, over = [0] * len(story), 0
        for n in range(len(story) - 1, -1, -1):
            back[n], span = over, story[n]
            end = self.latest if span.open_end else span.end
            if span.what in RUNS and end - span.begin >= STABLE:
                over = span.begin
            elif span.ended_by == "destroy":
                over = span.end
        return back

    def _loop(self, story: list[_Span], loop: list[int], deaths: list[int], back: list[int]) -> Row:
        first, last = story[loop[0]], story[deaths[-1]] if deaths else story[loop[-1]]
        end = story[loop[-1]].end
        starved = sum(story[n].ended_by == "oom" for n in deaths)
        why = f"out of memory {starved} times" if starved else f"last exit code {_code(last)}"
        return self._row(
            "restart loop",
            last,
            f"restarted {len(loop)} times in {_span(end - first.begin)}, {why}",
            first.begin,
            back[deaths[-1] if deaths else loop[-1]],
            [row for n in deaths for row in (story[n].cause_row, story[n].to_row)],
            len(loop),
        )

    def _death(self, story: list[_Span], n: int, back: list[int]) -> list[Row]:
        span = story[n]
        removed = n + 1 < len(story) and story[n + 1].ended_by == "destroy"
        if span.ended_by == "exit" and span.exit_code == 0:
            return []
        if span.ended_by == "kill" and (span.signal != 9 or removed):
            return []
        kind = {"exit": "crash", "kill": "killed"}.get(str(span.ended_by), str(span.ended_by))
        words = {
            "crash": f"ended by itself with exit code {_code(span)}",
            "oom": "was killed for lack of memory",
            "killed": "was killed by signal 9",
            "engine restart": "was ended by a restart of the engine",
        }
        rows = [span.cause_row, span.to_row]
        if n + 1 < len(story):
            rows.append(story[n + 1].to_row)
        return [self._row(kind, span, words[kind], span.end, back[n], rows, 1)]

    def _health(self, story: list[_Span], back: list[int]) -> list[Row]:
        episodes = _episodes(story)
        rows = []
        for series in _series([first for first, _ in episodes], story):
            last = dict(episodes)
            if 2 * len(series) >= FLAPS:
                words = f"changed between healthy and unhealthy {len(series)} times"
                rows.append(self._sick("flapping", words, story, back, series, last))
            else:
                rows += [
                    self._sick("unhealthy", "was unhealthy", story, back, [first], last)
                    for first in series
                ]
        return rows

    def _sick(
        self,
        kind: str,
        words: str,
        story: list[_Span],
        back: list[int],
        firsts: list[int],
        lasts: dict[int, int],
    ) -> Row:
        end = lasts[firsts[-1]]
        well = story[end].end if story[end].ended_by == "healthy" else back[end]
        told = [row for n in firsts for row in (story[n].from_row, story[lasts[n]].to_row)]
        return self._row(kind, story[end], words, story[firsts[0]].begin, well, told, len(firsts))

    def of_engine(self) -> list[Row]:
        """Gaps, restarts of the engine, pulls that failed."""
        rows: list[Row] = []
        engine = self.events.attrs.get("engine")
        gaps = _records(self.events, self.events["type"].eq("gap"))
        for (label, event), (begin, end) in zip(gaps, gaps_of(self.events), strict=True):
            restart = event["action"] == "restart"
            words = "The engine restarted" if restart else "Events are missing"
            rows.append(
                {
                    "kind": "engine restart" if restart else "gap",
                    "summary": f"{words}: {event['detail']}",
                    **_times(begin, end),
                    "evidence": [label],
                    "engine": engine,
                }
            )
        failed = self.events["type"].eq("image") & self.events["action"].eq("pull-error")
        for label, event in _records(self.events, failed):
            reason = (event["attributes"] or {}).get("error", "no reason given")
            rows.append(
                {
                    "kind": "pull failed",
                    "name": event["name"],
                    "image": event["name"],
                    "summary": f"{event['name']} could not be pulled: {reason}",
                    **_times(event["time"].value, 0),
                    "evidence": [label],
                    "engine": engine,
                }
            )
        return rows

    def _row(
        self,
        kind: str,
        span: _Span,
        words: str,
        begin: int,
        back: int,
        rows: list[int],
        count: int,
    ) -> Row:
        about = self.about[span.code]
        name = about["name"] if isinstance(about["name"], str) else about["story"]
        times = _times(begin, back)
        after = f"back after {_span(back - begin)}" if back > begin else "not back since"
        return {
            **{key: value if isinstance(value, str) else None for key, value in about.items()},
            **times,
            "kind": kind,
            "name": name,
            "summary": f"{name} {words}; {after}",
            "count": count,
            "exit_code": None if span.exit_code < 0 else span.exit_code,
            "exit_code_trusted": None if span.trusted < 0 else bool(span.trusted),
            "evidence": [self.labels[row] for row in sorted({row for row in rows if row >= 0})],
            "id": self.ids[span.code],
        }


def _episodes(story: list[_Span]) -> list[tuple[int, int]]:
    """First and last span of each time of bad health; a pause does not interrupt it."""
    episodes: list[tuple[int, int]] = []
    for n, span in enumerate(story):
        if span.what == "unhealthy":
            if n and story[n - 1].what == "paused" and episodes and episodes[-1][1] == n - 2:
                episodes[-1] = (episodes[-1][0], n)
            else:
                episodes.append((n, n))
    return episodes


def _records(events: pd.DataFrame, chosen: pd.Series) -> list[tuple[Any, Row]]:
    part = events[chosen.fillna(False).astype(bool)]
    records: Any = part.to_dict("records")
    return list(zip(part.index, records, strict=True))


def _series(which: list[int], story: list[_Span]) -> list[list[int]]:
    """Spans that follow each other within ten minutes."""
    series: list[list[int]] = []
    for n in which:
        if series and story[n].begin - story[series[-1][-1]].end <= WITHIN:
            series[-1].append(n)
        else:
            series.append([n])
    return series


def _times(begin: int, back: int) -> Row:
    known = back >= begin
    return {
        "begin": begin,
        "recovered": back if known else None,
        "recovery_seconds": (back - begin) / 1e9 if known else np.nan,
    }


def _code(span: _Span) -> str:
    if span.exit_code < 0:
        return "unknown"
    return f"{span.exit_code}" if span.trusted > 0 else f"{span.exit_code} (or what a label says)"


def _span(ns: int) -> str:
    seconds = ns / 1e9
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
