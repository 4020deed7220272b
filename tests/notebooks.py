"""``python -m tests.notebooks [names]``: record the notebooks' cassettes and outputs anew.

Each notebook runs twice: once on a private engine where a small shop is open, recorded to its
cassette, and once from that cassette with no engine; what it then shows is what is committed.
The name ``shop`` records what the usual commands in a terminal ask for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

import opskit
from opskit import lab

from .releases import RELEASES, engine_of
from .shop import SERVICES, open_shop

__all__ = ["CASSETTES", "NOTEBOOKS", "execute", "notebook_env", "record"]

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
CASSETTES = ROOT / "cassettes"
NO_ENGINE = "unix:///nonexistent/opskit-notebooks-have-no-engine.sock"


def notebook_env(notebook: Path, docker_host: str = NO_ENGINE) -> dict[str, str]:
    """Environment of a notebook's kernel: that engine, or without one its cassette."""
    unwanted = ("DOCKER_", "OPSKIT_NOTEBOOK", "JPY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    cassettes = {lab.CASSETTES: str(CASSETTES)} if docker_host == NO_ENGINE else {}
    return {
        **kept,
        **cassettes,
        lab.NOTEBOOK: str(notebook),
        "DOCKER_HOST": docker_host,
        "DOCKER_CONFIG": "/nonexistent/opskit-notebooks",
    }


def execute(notebook: Path, env: dict[str, str], timeout: int = 120) -> Any:
    """Run all cells in a fresh kernel; the notebook with its new outputs."""
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    client.execute(env=env)
    return content


def record(notebook: Path, release: str | None = None) -> None:
    """Record one notebook's cassette on a private engine and refresh its outputs from it."""
    cassette = CASSETTES / f"{notebook.stem}.yaml"
    with engine_of(release, "notebook") as engine:
        open_shop(engine)
        with opskit.record(cassette, mode="all", upstream=engine.url):
            execute(notebook, notebook_env(notebook, os.environ["DOCKER_HOST"]))
    content = execute(notebook, notebook_env(notebook))
    content.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"file_extension": ".py", "name": "python"},
    }
    nbformat.write(content, notebook)
    size = notebook.stat().st_size // 1000
    print(f"{notebook.stem}: notebook {size} kB, cassette {cassette.stat().st_size // 1000} kB")


# What one types to look around; each container's own are added
DOCKER = (
    "version",
    "info",
    "ps",
    "ps -a",
    "images",
    "network ls",
    "network inspect shop_default",
    "volume ls",
    "volume inspect shop_data",
    "system df",
    "stats --no-stream",
    "history shop/web:1.4",
    "top shop-web-1",
    "diff shop-web-1",
    "port shop-web-1",
    "events --since 1h --until 0s --filter event=die",
)
CURL = (
    "/_ping",
    "/version",
    "/info",
    "/containers/json",
    "/containers/json?all=1",
    "/containers/json?all=true",
    "/images/json",
    "/networks",
    "/volumes",
    "/system/df",
)


def record_shop(release: str | None = None) -> None:
    """Record the cassette that stands in for an engine in a terminal and in new notebooks."""
    cassette = CASSETTES / lab.SHOP
    names = [f"shop-{service}-1" for service in SERVICES]
    commands = [*DOCKER, *(f"{verb} {name}" for verb in ("inspect", "logs") for name in names)]
    with engine_of(release, "shop") as engine:
        open_shop(engine)
        with opskit.record(cassette, mode="all", upstream=engine.url) as recorded:
            for command in commands:
                subprocess.run(
                    ["docker", *command.split()], env=os.environ, check=True, capture_output=True
                )
            for path in (*CURL, *(f"/containers/{name}/json" for name in names)):
                recorded.request("GET", path)
            for show in (recorded.containers, recorded.images, recorded.networks, recorded.volumes):
                show()
            recorded.stats()
            recorded.disk_usage()
    print(f"shop: cassette {cassette.stat().st_size // 1000} kB")


def main() -> int:
    names = ["shop", *(path.stem for path in NOTEBOOKS)]
    parser = argparse.ArgumentParser(prog="./run record", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"or their beginnings, of {', '.join(names)}")
    parser.add_argument("--docker", choices=sorted(RELEASES), help="default: the installed one")
    options = parser.parse_args()
    wanted = options.names or names
    chosen = [path for path in NOTEBOOKS if path.stem.startswith(tuple(wanted))]
    if not chosen and "shop" not in wanted:
        parser.error(f"no such notebook; there are {', '.join(names)}")
    if "shop" in wanted:
        record_shop(options.docker)
    for notebook in chosen:
        record(notebook, options.docker)
    return 0


if __name__ == "__main__":
    sys.exit(main())
