"""Telling values that a program made up from words that a person chose.

No list of patterns: what counts is whether the part in which two values differ reads like a
random draw (letters and digits mixed, or letters in an order that English hardly has), like a
counter in a path, or like the clock.
"""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["clock_like", "engine_made", "random_looking", "rare_pairs", "same_kind"]

_PAIRS = """
in re er te es ed on ti at en ng st co nt de al le or se ar io ec ra ns li me it di ct ri ta ve
an ce pr nd pe ac tr si ne la pa ca rs et ro he ic fi lo ch ma na is el ts ex ll ea un as mp om
th pl ss to il ou po rt ly ur em nc su ge ep am ol ke ha ut ig oc ie ck bl im ad mi ai ni op ab
od us os sp ir iv ul so tt fo pt ia ap hi pp id ag sh ef mo ho ry no rm if cl sc up ot tu va be
ev ib um cr ty qu ci rr ow ls vi do ba lt cu ip lu pi rd gi da fe rc uc ds ub ld yp eg gr fu ok
ov nf ru ua xp rn ee tl gn iz ue gh oo wa cc pu mm xt gs bu du ui wi fa ms bi wh au nv nn og ki
bo xe eq tc sa wo oi ps ze rg ob mu nu oa rk ks we py sl ff mb dr dd ht gu ay fl ey rl nk wr av
ak ew lp dl bs fr rv vo sy gl br ix ph wn ei yi go by ye af gg ys gy ny ya ug ka ga rp rf
"""
_COMMON = frozenset(_PAIRS.split())
"""The pairs of letters that English words are made of, but for one in twenty."""

_CLOCK = re.compile(
    r"\d{9,19}(\.\d+)?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"
)
_ENGINE_MADE = re.compile(
    r"(sha256:)?[0-9a-f]{12,64}|[a-z0-9]{25}|[a-z]+_[a-z]+\d?|\d+(\.\d+){3}(/\d+)?|"
    r"[0-9a-f]{2}(:[0-9a-f]{2}){5}|\d{4,5}"
)
_VERSION = re.compile(r"v?\d+(\.\d+)+")
_ATOM = re.compile(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]+")


def clock_like(value: str) -> bool:
    """Whether it is a point in time, as Unix seconds or written out."""
    return _CLOCK.fullmatch(value) is not None


def engine_made(value: str) -> bool:
    """Whether it looks like what an engine makes up: ids, names of two words, addresses, ports."""
    return _ENGINE_MADE.fullmatch(value) is not None


def random_looking(text: str) -> bool:
    """Whether it mixes letters and digits as a random draw does; web1 and v2 are not mixed so."""
    letters = sum(c.isalpha() for c in text)
    digits = sum(c.isdigit() for c in text)
    runs = sum(atom.isalnum() for atom in _ATOMS(text))
    return bool(letters and digits) and len(text) >= 4 and (runs > 2 or digits >= 4)


def rare_pairs(text: str) -> int:
    """How many of its pairs of letters are rare in English words."""
    return sum(a + b not in _COMMON for a, b in pairwise(text.lower()) if (a + b).isalpha())


def same_kind(one: str, other: str, *, path: bool = False) -> bool:
    """Whether two different tokens could be two draws of the same generator.

    Parameters
    ----------
    one, other : str
        Tokens without separators but ``.``, ``_`` and ``-``.
    path : bool
        Whether they are a component of a path, where a short counter is enough.
    """
    if _VERSION.fullmatch(one) or _VERSION.fullmatch(other):
        return False
    a, b = _cores(one, other)
    if not a or not b:
        return False
    if a.isdigit() and b.isdigit():
        counted = len(a) < len(one) and len(one) >= 4
        return (path and counted) or max(len(a), len(b)) >= 4
    mixed = random_looking(a) + random_looking(b)
    if mixed:
        return mixed == 2 or abs(len(a) - len(b)) <= 1
    # Two draws of letters are as long as each other, and no words: seen together, few that are
    # random pass for words, and few words for random.
    return len(a) == len(b) >= 6 and rare_pairs(a) + rare_pairs(b) >= 3


def _cores(one: str, other: str) -> tuple[str, str]:
    """What is left of two strings without the runs of letters or digits that they share."""
    left, right = _ATOMS(one), _ATOMS(other)
    while left and right and left[0] == right[0]:
        del left[0], right[0]
    while left and right and left[-1] == right[-1]:
        del left[-1], right[-1]
    return "".join(left), "".join(right)


_ATOMS = _ATOM.findall
