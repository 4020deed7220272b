"""What stands out in the events: what happens at a moment, and what only many events show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from opskit.events.history import NO_TIME, NOTHING, SECOND, Act, Array, History, column, order_of
from opskit.events.spans import gaps_of

__all__ = ["chains", "marks"]

MOMENTS = {
    ("container", "oom"): "oom",
    ("container", "kill"): "kill",
    ("network", "connect"): "connect",
    ("network", "disconnect"): "disconnect",
    ("image", "pull"): "pull",
    ("image", "pull-error"): "pull",
}
EXEC_BEGINS, EXEC_ENDS = ("exec_start", "exec"), ("exec_die", "exec_died")
ROUTINE = 5  # an exec that a container runs this often, and of no known kind, is taken for a probe
FLAPS, LOOPS, WITHIN = 4, 3, 600 * SECOND
FIELDS = ("code", "what", "begin", "end", "name", "detail", "count", "exit_code", "signal")


def marks(events: pd.DataFrame, past: History, found: Mapping[str, Array]) -> pd.DataFrame:
    """The markers; ``code`` is the container's number in the history, -1 for none.

    Parameters
    ----------
    events : pandas.DataFrame
        The events.
    past : History
        Of the same events.
    found : mapping
        Of the same events, from `opskit.events.spans.spans`.
    """
    story, _ = pd.factorize(past.about["story"])
    again = found["by_policy"]
    loop = chains(
        found["code"][again],
        story,
        found["begin"][again],
        found["end"][again],
        LOOPS,
        "restart loop",
    )
    health = np.isin(past.act, (Act.SICK, Act.WELL))
    flap = chains(past.code[health], story, past.time[health], past.time[health], FLAPS, "flapping")
    parts = [_moments(events), _execs(events), _breaks(events), loop, flap]
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True) if full else _frame(0)


def _frame(rows: int, **data: Any) -> pd.DataFrame:
    missing = dict.fromkeys(("name", "detail"), None) | dict.fromkeys(("count", "exit_code"), -1)
    filled = (
        {"code": -1, "what": "", "begin": NO_TIME, "end": NO_TIME, "signal": -1} | missing | data
    )
    return pd.DataFrame({name: filled[name] for name in FIELDS}, index=range(rows))


def _moments(events: pd.DataFrame) -> pd.DataFrame:
    kind, kinds = column(events, "type")
    action, actions = column(events, "action")
    what = np.full((len(kinds) + 1, len(actions) + 1), None, dtype=object)
    for place in np.ndindex(len(kinds), len(actions)):
        what[place] = MOMENTS.get((kinds[place[0]], actions[place[1]]))
    told = what[kind, action]
    rows = np.flatnonzero(told.astype(bool))
    part = events.iloc[rows]
    time = part["time"].astype("int64").to_numpy()
    signal = part["signal"].to_numpy(dtype="int64", na_value=-1)
    return _frame(
        len(rows),
        code=column(events, "container")[0][rows],
        what=told[rows],
        begin=time,
        end=time,
        name=part["name"].to_numpy(dtype=object),
        detail=np.where(part["type"].eq("container"), NOTHING, part["name"]),
        signal=signal,
    )


def _execs(events: pd.DataFrame) -> pd.DataFrame:
    """Exec sessions that are no healthcheck, from start to end where both are seen."""
    wanted = events["action"].isin((*EXEC_BEGINS, *EXEC_ENDS))
    rows = np.flatnonzero((wanted & ~events["healthcheck"].fillna(False)).to_numpy(dtype=bool))
    part = events.iloc[rows]
    code = column(events, "container")[0][rows]
    begins = part["action"].isin(EXEC_BEGINS).to_numpy()
    command, _ = pd.factorize(part["detail"])
    unknown = part["healthcheck"].isna().to_numpy()
    both = code.astype(np.int64) * (len(rows) + 1) + command
    _, which, often = np.unique(both, return_inverse=True, return_counts=True)
    routine = unknown & begins & (command >= 0) & (often[which] >= ROUTINE)
    exec_id, ids = pd.factorize(part["exec_id"])
    time = part["time"].astype("int64").to_numpy()
    ended = np.full(len(ids) + 1, -1)
    ended[exec_id[~begins]] = np.flatnonzero(~begins)
    ended[-1] = -1
    chosen = np.flatnonzero(begins & ~routine)
    end = ended[exec_id[chosen]]
    exits = part["exit_code"].to_numpy(dtype="int64", na_value=-1)
    return _frame(
        len(chosen),
        code=code[chosen],
        what="exec",
        begin=time[chosen],
        end=np.where(end < 0, NO_TIME, time[end]),
        detail=part["detail"].to_numpy(dtype=object)[chosen],
        exit_code=np.where(end < 0, -1, exits[end]),
    )


def _breaks(events: pd.DataFrame) -> pd.DataFrame:
    """Where events may be missing, and where the clock was set back."""
    gaps = events[events["type"].eq("gap").fillna(False)]
    begin, end = np.array(gaps_of(events), dtype=np.int64).reshape(-1, 2).T
    missing = _frame(
        len(gaps), what="gap", begin=begin, end=end, detail=gaps["detail"].to_numpy(object)
    )
    time = events["time"].astype("int64").to_numpy()
    time = time[time != NO_TIME]
    if not order_of(time)[1]:
        return missing
    steps = np.flatnonzero(np.diff(time) < -SECOND)
    by = [f"set back by {(time[at] - time[at + 1]) / 1e9:.1f} s" for at in steps]
    clock = _frame(len(steps), what="clock", begin=time[steps + 1], end=time[steps + 1], detail=by)
    return pd.concat([missing, clock], ignore_index=True) if len(missing) else clock


def chains(
    code: Array, story: Array, begin: Array, end: Array, least: int, what: str
) -> pd.DataFrame:
    """Series of at least so many in one story, each within ten minutes of the one before."""
    if not len(code):
        return _frame(0)
    of = story[code]
    order = np.lexsort((begin, of))
    of, begin, end, code = of[order], begin[order], end[order], code[order]
    new = np.append(True, (of[1:] != of[:-1]) | (begin[1:] - end[:-1] > WITHIN))
    first = np.flatnonzero(new)
    count = np.diff(np.append(first, len(of)))
    last = first + count - 1
    long = count >= least
    first, last, count = first[long], last[long], count[long]
    return _frame(
        len(first), code=code[last], what=what, begin=begin[first], end=end[last], count=count
    )
