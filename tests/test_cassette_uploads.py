"""An upload is recognised by what it holds: times and the order of members don't count."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.cassette.fingerprint import Fingerprint

FILES = {
    "Dockerfile": b"FROM busybox\n",
    "src/": None,
    "src/" + "deep/" * 40 + "main.py": b"print()\n" * 200,
    "empty": b"",
    "src/\u00e4": b"\0" * 5000,
}


def tar(
    files: dict[str, bytes | None], *, mtime: float = 0, format: int = tarfile.PAX_FORMAT
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.mtime = mtime
            member.uid = int(mtime) % 1000
            if data is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "t" * 150
        archive.addfile(link)
    return out.getvalue()


def digest(data: bytes, step: int = 10_000) -> str:
    fingerprint = Fingerprint()
    for start in range(0, len(data), step):
        fingerprint.feed(data[start : start + step])
    return fingerprint.digest()


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("step", [1, 511, 513, 100_000])
def test_times_order_format_and_compression_do_not_count(format: int, step: int) -> None:
    first = digest(tar(FILES))
    assert len(first) == 64
    other = tar(dict(reversed(FILES.items())), mtime=1_700_000_000.25, format=format)
    assert digest(other, step) == first
    assert digest(gzip.compress(other), step) == first


@pytest.mark.parametrize(
    "change", [{"Dockerfile": b"FROM alpine\n"}, {"more": b""}, {"empty": b"x"}, {"empty": None}]
)
def test_names_and_contents_count(change: dict[str, bytes | None]) -> None:
    assert digest(tar({**FILES, **change})) != digest(tar(FILES))


def test_what_is_no_tar_has_no_fingerprint() -> None:
    whole = tar(FILES)
    for data in (
        b"",
        b"x",
        b"text " * 500,
        whole[:700],
        whole[:3000],
        gzip.compress(b"abc"),
        whole[1:],
    ):
        assert digest(data) == ""


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_taken(data: bytes) -> None:
    assert digest(data, 7) == ""
    digest(tar({"a": b"b"})[:512] + data)
    digest(b"\x1f\x8b" + data)
