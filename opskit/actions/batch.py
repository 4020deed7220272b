"""One call on many objects at once: concurrently, a result row each, failures told per row."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from opskit.actions.progress import bar
from opskit.actions.rows import caught_up
from opskit.actions.targets import Target, targets
from opskit.errors import OpskitError
from opskit.frames.columns import Column, build

if TYPE_CHECKING:
    import pandas as pd

    from opskit.engine.base import RawEngine

__all__ = ["RESULT_COLUMNS", "Call", "act", "states"]

WORKERS = 64
Call = Callable[[Target], Mapping[str, Any]]

RESULT_COLUMNS = (
    Column("name", "str", "", "The object's name; missing where only an id was given."),
    Column("id", "str", "", "Its id; missing where only a name was given that nothing has."),
    Column("action", "str", "", "What was asked of the engine."),
    Column("done", "bool", "", "Whether the engine said it did it, or it was so already."),
    Column("changed", "boolean", "", "False where there was nothing to do; missing if it failed."),
    Column("state", "str", "", "The container's state afterwards; missing once it is gone."),
    Column("seconds", "float64", "seconds", "How long the engine took."),
    Column("error", "str", "", "Why it failed; missing where it did not."),
)
"""Columns of what `act` gives for many objects."""

EXTRA_COLUMNS = {
    "exit_code": Column("exit_code", "Int64", "", "Exit code of the process."),
    "stdout": Column("stdout", "str", "", "What it wrote to standard output."),
    "stderr": Column("stderr", "str", "", "What it wrote to standard error."),
    "deleted": Column("deleted", "object", "", "Ids of the layers that were deleted, a list."),
    "untagged": Column("untagged", "object", "", "Names that were taken away, a list."),
}


def act(
    engine: RawEngine,
    what: Any,
    action: str,
    call: Call,
    *,
    row: Callable[[Target], Any] | None = None,
    extras: Sequence[str] = (),
    containers: bool = True,
    ended: bool = False,
) -> Any:
    """Do ``call`` on one object or on many.

    Parameters
    ----------
    what : str, row, frame, SDK object, or many of them
        See `opskit.actions.targets`.
    action : str
        The verb, for the result rows.
    call : callable
        Does it for one target; gives ``changed`` and the values of ``extras``.
    row : callable, optional
        What one object's call returns: its row afterwards. Without it, the result row.
    ended : bool
        Containers have ended once the call is done.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        For one object ``row``, and its error is raised. For many a frame of `RESULT_COLUMNS`,
        one row each in their order, errors in their row.
    """
    found, many = targets(engine, what)
    named = _named(engine, found, many or row is None) if containers else found
    if not many:
        result = _run(call, named[0])
        if (error := result.pop("raised")) is not None:
            raise error
        if row is not None:
            return row(named[0])
    else:
        result = {}
    results = _all(call, named, action) if many else [result]
    after: dict[str, tuple[str, str]] = {}
    if containers and (many or row is None) and named:
        done = [t.id for t, r in zip(named, results, strict=True) if ended and not r.get("raised")]
        after = caught_up(
            lambda: states(engine),
            lambda told: any(told.get(i or "", ("",))[0] == "running" for i in done),
        )
    frame = _frame(named, results, action, after, extras)
    engine.stamp(frame, action)
    return frame if many else frame.iloc[0]


def states(engine: RawEngine) -> dict[str, tuple[str, str]]:
    """State and name of every container, by id."""
    return {
        item["Id"]: (item.get("State", ""), (item.get("Names") or ["/"])[0].removeprefix("/"))
        for item in engine.get("/containers/json", all=True) or ()
    }


def _named(engine: RawEngine, found: Sequence[Target], wanted: bool) -> list[Target]:
    """Targets with name and id, looked up in one request where one of them is not known."""
    if not wanted or all(target.id and target.name for target in found):
        return list(found)
    known = states(engine)
    by_name = {name: identity for identity, (_, name) in known.items()}
    full = []
    for target in found:
        identity = target.id or by_name.get(target.ref)
        if identity is None or identity not in known:
            fitting = [i for i in known if i.startswith(target.ref)]
            identity = fitting[0] if len(fitting) == 1 else identity
        name = known[identity][1] if identity in known else target.name
        full.append(Target(target.ref, name, identity))
    return full


def _all(call: Call, found: Sequence[Target], action: str) -> list[dict[str, Any]]:
    results: dict[int, dict[str, Any]] = {}
    pool = ThreadPoolExecutor(max(1, min(WORKERS, len(found))), thread_name_prefix="opskit")
    try:
        waiting = {pool.submit(_run, call, target): n for n, target in enumerate(found)}
        with bar(action, total=len(found)) as shown:
            for done in as_completed(waiting):
                results[waiting[done]] = done.result()
                shown.update()
    except BaseException:  # interrupted: what has not begun does not begin
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return [results[n] for n in range(len(found))]


def _run(call: Call, target: Target) -> dict[str, Any]:
    started = time.perf_counter()
    raised: OpskitError | None = None
    values: Mapping[str, Any] = {}
    try:
        values = call(target)
    except OpskitError as error:
        raised = error
    return {**values, "seconds": time.perf_counter() - started, "raised": raised}


def _frame(
    found: Sequence[Target],
    results: Sequence[Mapping[str, Any]],
    action: str,
    after: Mapping[str, tuple[str, str]],
    extras: Sequence[str],
) -> pd.DataFrame:
    errors = [result.get("raised") for result in results]
    data: dict[str, Any] = {
        "name": [target.name or (None if target.id else target.ref) for target in found],
        "id": [target.id for target in found],
        "action": [action] * len(found),
        "done": [error is None for error in errors],
        "changed": [
            None if error else result.get("changed", True)
            for error, result in zip(errors, results, strict=True)
        ],
        "state": [after.get(target.id or "", (None,))[0] for target in found],
        "seconds": [result.get("seconds") for result in results],
        "error": [None if error is None else _said(error) for error in errors],
    }
    data |= {extra: [result.get(extra) for result in results] for extra in extras}
    columns = (*RESULT_COLUMNS, *(EXTRA_COLUMNS[extra] for extra in extras))
    return build(columns, data)


def _said(error: OpskitError) -> str:
    return str(getattr(error, "message", "") or error.what)
