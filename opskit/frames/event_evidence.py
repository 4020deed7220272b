"""What no event says of itself and many say together: whether an exit code can be trusted, and
which execs are the container's own healthcheck.

Text columns come as ``pandas.factorize`` gives them: for each row the number of its text, -1 where
it is missing, and the texts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from pandas.arrays import BooleanArray

__all__ = ["CODED", "ENDINGS", "exit_codes_trusted", "healthcheck_command", "healthcheck_execs"]

CODED = ("type", "action", "detail", "container", "exec_id")
ENDINGS = frozenset({"die", "exec_die", "exec_died"})
EXECS = frozenset({"exec_create", "exec_start", "exec_die", "exec_detach", "exec", "exec_died"})
Codes = np.ndarray[Any, np.dtype[np.int32]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Texts = tuple[Codes, Sequence[str]]


def exit_codes_trusted(
    coded: Mapping[str, Texts], known: BooleanArray, labelled: Flags
) -> BooleanArray:
    """Whether the exit code of each event is the engine's own and not a label's.

    Labels never change over a container's life. So any other event of the same container is a
    witness: it would show a label called ``exitCode``, because there the engine sends none.

    Parameters
    ----------
    coded : mapping of str to pair
        The columns `CODED`.
    known : BooleanArray
        What the events themselves tell.
    labelled : array of bool
        Where an event shows an attribute called ``exitCode``.
    """
    ended = _among(coded["action"], ENDINGS)
    witness = _among(coded["type"], {"container"}) & ~ended
    codes, containers = coded["container"]
    seen = np.zeros(len(containers) + 1, dtype=bool)
    tainted = seen.copy()
    seen[codes[witness]] = True
    tainted[codes[witness & labelled]] = True
    seen[-1] = False  # events without a container prove nothing about each other
    proven = (seen & ~tainted)[codes] | known.to_numpy(dtype=bool, na_value=False)
    return BooleanArray(proven & ended, ~ended)


def healthcheck_execs(
    coded: Mapping[str, Texts],
    healthchecks: Mapping[str, str | None],
    known: BooleanArray | None = None,
) -> BooleanArray:
    """Whether each exec event belongs to the container's healthcheck; missing where nothing tells.

    What is `known` stays. Else it is known from `healthchecks`, the command by container, where
    that holds the container; else from the events: the engine sends
    ``health_status`` right after the ``exec_die`` of the probe that changed it
    (``handleProbeResult`` in moby's ``daemon/health.go``), and a container's healthcheck always
    runs the same command.
    """
    action = coded["action"]
    value, missing = np.zeros(len(action[0]), dtype=bool), np.ones(len(action[0]), dtype=bool)
    rows = np.flatnonzero(_among(action, EXECS | {"health_status"}))
    exec_rows = _among(action, EXECS)[rows]
    container, containers = coded["container"][0][rows], coded["container"][1]
    command, commands = _commands(coded, rows), coded["detail"][1]
    expected = np.full(len(containers) + 1, -1)  # by container, the command of its healthcheck
    ends = _among(action, {"exec_die"})[rows]
    _expect_by_health(expected, ~exec_rows, ends, container, command)
    if healthchecks:
        listed = {text: number for number, text in enumerate(commands)}
        for number, ident in enumerate(containers):
            if ident in healthchecks:
                text = healthchecks[ident]
                expected[number] = -2 if text is None else listed.get(text, -2)
    expected[-1] = -1
    wanted = expected[container]
    told = exec_rows & ((wanted == -2) | ((wanted >= 0) & (command >= 0)))
    value[rows[told]] = (command == wanted)[told]
    missing[rows[told]] = False
    if known is not None:
        before = ~np.asarray(known.isna(), dtype=bool)
        value = np.where(before, known.to_numpy(dtype=bool, na_value=False), value)
        missing &= ~before
    return BooleanArray(value, missing)


def _among(coded: Texts, words: Collection[str]) -> Flags:
    codes, texts = coded
    chosen = np.array([text in words for text in texts] + [False], dtype=bool)
    return chosen[codes]


def _commands(coded: Mapping[str, Texts], rows: Any) -> Any:
    """The command of each exec event as a number; an exec's end has it from its beginning."""
    command = coded["detail"][0][rows]
    exec_id, ids = coded["exec_id"][0][rows], coded["exec_id"][1]
    of_exec = np.full(len(ids) + 1, -1)
    spoken = (exec_id >= 0) & (command >= 0)
    of_exec[exec_id[spoken]] = command[spoken]
    return of_exec[exec_id]


def _expect_by_health(
    expected: Any, told: Flags, ended: Flags, container: Any, command: Any
) -> None:
    order = np.argsort(container, kind="stable")
    before, here = order[:-1], order[1:]
    follows = told[here] & ended[before] & (container[before] == container[here])
    follows &= command[before] >= 0
    expected[container[here[follows]]] = command[before[follows]]


def healthcheck_command(inspect: Mapping[str, Any]) -> str | None:
    """What the healthcheck of an inspected container runs, as its exec events spell it.

    None when the container has none. A ``CMD-SHELL`` check runs in the container's shell.
    """
    config = inspect.get("Config") or {}
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if test[0] == "CMD":
        return " ".join(test[1:])
    if test[0] == "CMD-SHELL":
        return " ".join([*(config.get("Shell") or ["/bin/sh", "-c"]), *test[1:]])
    return None
