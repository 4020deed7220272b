"""``python -m benchmarks [names]``: run the named measurements, or all; see `Bench`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

from benchmarks.harness import Bench
from tests.engines import EngineMissing
from tests.releases import RELEASES, unpack


def names() -> list[str]:
    """The modules beside this one that have a ``run(bench)``."""
    found = Path(__file__).parent.glob("[a-z]*.py")
    return sorted(path.stem for path in found if "\ndef run(bench: Bench" in path.read_text())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names())}")
    parser.add_argument(
        "--rounds", type=int, default=40, help="turns of a table that says none itself (40)"
    )
    parser.add_argument("--containers", type=int, default=100, help="running containers (100)")
    parser.add_argument(
        "--docker", choices=sorted(RELEASES.keys() - {"podman"}), help="default: the installed one"
    )
    parser.add_argument("--long", action="store_true", help="also what takes the peer many minutes")
    options = parser.parse_args()
    unknown = set(options.names) - set(names())
    if unknown:
        parser.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(names())}")
    # An engine that was here before is none of a measurement's business
    for name in [name for name in os.environ if name.startswith("DOCKER_")]:
        del os.environ[name]
    if options.docker:
        os.environ["OPSKIT_DOCKER_ROOT"] = str(unpack(options.docker))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}\n")
    bench = Bench(options.rounds, options.containers, long=options.long)
    try:
        for name in options.names or names():
            print(f"## {name}\n")
            importlib.import_module(f"benchmarks.{name}").run(bench)
    except EngineMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
