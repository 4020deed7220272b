"""Engine JSON to DataFrame: pure functions, no I/O, documented columns and dtypes.

One module a subject; each names its columns. `opskit.frame` finds the right one for what it is
given, and importing this package gives every DataFrame ``frame.opskit.short()``.
"""

from opskit.frames import reading
from opskit.frames.columns import Column, build
from opskit.frames.record import Record, flatten
from opskit.frames.sdk import frame

__all__ = ["Column", "Record", "build", "flatten", "frame", "reading"]
