"""The answer of ``engine.stats(duration=…)``: everything sampled in a while."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from opskit.errors import EngineLost
from opskit.stats.durations import seconds

if TYPE_CHECKING:
    from opskit.engine.stats import StatsCalls

__all__ = ["stats_for"]

_LONG = 10.0  # seconds after which people begin to wonder
_STEP = 0.05


def stats_for(
    engine: StatsCalls,
    containers: str | Iterable[str] | None,
    filters: Mapping[str, Any] | None,
    duration: str | float,
    interval: str | float,
    progress: bool | None,
) -> pd.DataFrame:
    """See `opskit.engine.stats.StatsCalls.stats`.

    An interrupt ends the sampling and goes on to the caller.
    """
    length = seconds(duration)
    shown = length >= _LONG and engine.cassette is None if progress is None else progress
    with engine.sampler(
        window=length + 60, interval=interval, containers=containers, filters=filters
    ) as sampler:
        begun = time.monotonic()
        with _bar(length, shown) as bar:
            while not sampler.complete(length, spent := time.monotonic() - begun):
                bar.update(min(spent, length) - bar.n)
                time.sleep(min(_STEP, max(length - spent, 0.005)))
            bar.update(length - bar.n)
        frame = sampler.frame()
    gaps = sampler.gaps
    if len(gaps):
        if frame["cpu_seconds"].isna().all() and gaps["end"].isna().any():
            raise EngineLost(
                f"the engine at {engine.address} was not heard of since {gaps['start'].iloc[0]}: "
                f"{gaps['reason'].iloc[0]}",
                "is it running? 'opskit doctor' looks closer",
            )
        warnings.warn(
            f"the engine was away for a while: {len(gaps)} gaps, see attrs['gaps'] of the frame",
            stacklevel=4,
        )
    return frame


def _bar(length: float, shown: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=length, disable=not shown, desc="sampling", unit="s",
                bar_format="{desc}: {bar} {n:.0f} of {total:.0f} s")  # fmt: skip
