"""What no event says of itself and many say together: whether an exit code can be trusted, and
which execs are the container's own healthcheck.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray

__all__ = ["exit_codes_trusted", "healthcheck_command", "healthcheck_execs"]

EXECS = ("exec_create", "exec_start", "exec_die", "exec_detach", "exec", "exec_died")
ENDINGS = ("die", "exec_die", "exec_died")
Flags = np.ndarray[Any, np.dtype[np.bool_]]


def exit_codes_trusted(frame: pd.DataFrame, labelled: Flags) -> BooleanArray:
    """Whether the exit code of each event is the engine's own and not a label's.

    Labels never change over a container's life. So any other event of the same container is a
    witness: it would show a label called ``exitCode``, because there the engine sends none.

    Parameters
    ----------
    frame : pandas.DataFrame
        Events, with what is already known in ``exit_code_trusted``.
    labelled : array of bool
        Where an event shows a label called ``exitCode``.
    """
    trusted = frame["exit_code_trusted"].to_numpy(dtype=bool, na_value=False, copy=True)
    ended = frame["action"].isin(ENDINGS).to_numpy(dtype=bool)
    of_container = frame["type"].eq("container").to_numpy(dtype=bool, na_value=False)
    witness = of_container & ~ended
    codes, containers = pd.factorize(frame["container"])
    seen = np.zeros(len(containers) + 1, dtype=bool)
    tainted = seen.copy()
    seen[codes[witness]] = True
    tainted[codes[witness & labelled]] = True
    seen[-1] = False  # events without a container prove nothing about each other
    trusted |= (seen & ~tainted)[codes]
    return BooleanArray(trusted & ended, ~ended)


def healthcheck_execs(
    frame: pd.DataFrame, healthchecks: Mapping[str, str | None] | None = None
) -> BooleanArray:
    """Whether each exec event belongs to the container's healthcheck, missing for the rest.

    Known from `healthchecks`, the command by container; else from the events: the engine sends
    ``health_status`` right after the ``exec_die`` of the probe that changed it
    (``handleProbeResult`` in moby's ``daemon/health.go``), and a container's healthcheck always
    runs the same command.
    """
    value = frame["healthcheck"].to_numpy(dtype=bool, na_value=False, copy=True)
    missing = frame["healthcheck"].isna().to_numpy(dtype=bool, copy=True)
    rows = np.flatnonzero(frame["action"].isin((*EXECS, "health_status")).to_numpy(dtype=bool))
    if not len(rows):
        return BooleanArray(value, missing)
    part = frame[["action", "detail", "container", "exec_id"]].take(rows)
    action = part["action"].to_numpy(dtype=object)
    container, containers = pd.factorize(part["container"])
    command, commands = _commands(part)
    expected = np.full(len(containers) + 1, -1)  # by container, the command of its healthcheck
    _expect_by_health(expected, action, container, command)
    checks = healthchecks or {}
    listed = {text: number for number, text in enumerate(commands)}
    for number, ident in enumerate(containers):
        if ident in checks:
            text = checks[ident]
            expected[number] = -2 if text is None else listed.get(text, -2)
    expected[-1] = -1
    wanted = expected[container]
    told = (action != "health_status") & (command >= 0) & (wanted != -1)
    told |= (action != "health_status") & (wanted == -2)
    value[rows[told]] = (command == wanted)[told]
    missing[rows[told]] = False
    return BooleanArray(value, missing)


def _commands(part: pd.DataFrame) -> tuple[Any, Any]:
    """The command of each exec event as a number; an exec's end has it from its beginning."""
    command, commands = pd.factorize(part["detail"])
    exec_id, ids = pd.factorize(part["exec_id"])
    of_exec = np.full(len(ids) + 1, -1)
    spoken = (exec_id >= 0) & (command >= 0)
    of_exec[exec_id[spoken]] = command[spoken]
    of_exec[-1] = -1
    return np.where(exec_id >= 0, of_exec[exec_id], -1), commands


def _expect_by_health(expected: Any, action: Any, container: Any, command: Any) -> None:
    order = np.argsort(container, kind="stable")
    before, here = order[:-1], order[1:]
    follows = (
        (action[here] == "health_status")
        & (action[before] == "exec_die")
        & (container[before] == container[here])
        & (command[before] >= 0)
    )
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
