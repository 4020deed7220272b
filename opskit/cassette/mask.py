"""What stands in a cassette where a secret stood.

A mask is as long as the secret and made of stars. One that is long enough has six digits in it
that are the same for the same secret and others for another one: whether a token was rotated
can be seen, and tested, in a replay. They are of a keyed digest whose key is drawn for each
recording and forgotten with it, so nothing can be learned from them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable

__all__ = ["MASKED", "MASKED_BYTES", "Mask", "new_mask", "stars"]

Mask = Callable[[bytes], bytes]

MASKED = re.compile(r"\*\*[0-9a-f]{6}\*\*+|\*\*+")
MASKED_BYTES = re.compile(MASKED.pattern.encode())
"""A mask of either kind."""

LONG_ENOUGH = 12


def stars(secret: bytes) -> bytes:
    """A mask that says nothing but the length."""
    return b"*" * len(secret)


def new_mask() -> Mask:
    """Masks that tell secrets apart, with a key of their own."""
    key = os.urandom(16)

    def mask(secret: bytes) -> bytes:
        if len(secret) < LONG_ENOUGH:
            return stars(secret)
        digits = hmac.digest(key, secret, hashlib.sha256).hex()[:6].encode()
        return (b"**" + digits).ljust(len(secret), b"*")

    return mask
