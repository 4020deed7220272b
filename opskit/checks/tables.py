"""Check-ups as frames."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from opskit.checks.exposure import Exposure
from opskit.checks.finding import Line
from opskit.frames.columns import Column, build

__all__ = ["DOCTOR_COLUMNS", "EXPOSURE_COLUMNS", "doctor_frame", "exposure_frame"]

DOCTOR_COLUMNS = (
    Column("check", "str", "", "what was looked at"),
    Column("status", "str", "", "ok, warn or fail: the engine cannot be used like this"),
    Column("detail", "str", "", "what was found"),
    Column("remedy", "str", "", "what to do; missing where there is nothing to do"),
)
"""What the doctor found on the way to an engine (`opskit.doctor`)."""

EXPOSURE_COLUMNS = (
    Column("severity", "str", "", "critical, high, medium, low or info (advice on hardening)"),
    Column("subject", "str", "", "engine, or the container's name"),
    Column("rule", "str", "", "the rule's name, as SARIF and JUnit have it"),
    Column("title", "str", "", "what is wrong with it"),
    Column("evidence", "str", "", "by what this was seen"),
    Column("remedy", "str", "", "what to do"),
    Column("cis", "str", "", "number in the CIS Docker Benchmark 1.6.0; missing where it has none"),
    Column("id", "str", "", "the container's id; missing for the engine"),
)
"""Where an engine and its containers are exposed (`Engine.exposure`)."""


def doctor_frame(lines: Sequence[Line]) -> pd.DataFrame:
    """The doctor's lines, in their order."""
    data = {
        "check": [line.check for line in lines],
        "status": [line.status for line in lines],
        "detail": [line.detail for line in lines],
        "remedy": [line.remedy or None for line in lines],
    }
    return build(DOCTOR_COLUMNS, data)


def exposure_frame(exposure: Exposure) -> pd.DataFrame:
    """What an exposure check found, the most serious first."""
    found = exposure.findings
    data = {
        "severity": [f.rule.severity for f in found],
        "subject": [f.subject for f in found],
        "rule": [f.rule.name for f in found],
        "title": [f.rule.title for f in found],
        "evidence": [f.evidence for f in found],
        "remedy": [f.rule.remedy for f in found],
        "cis": [f.rule.cis or None for f in found],
        "id": [f.id or None for f in found],
    }
    return build(EXPOSURE_COLUMNS, data)
