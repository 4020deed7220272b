"""Reading a container's log: whole, in pieces, with and without a terminal."""

from __future__ import annotations

import struct

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.frames.logs import COLUMNS, LogDecoder, logs

from .replies import ENGINES, reply

T1, T2 = "2026-11-23T20:33:24.214571340Z", "2026-11-23T20:33:24.215747335Z"


def frame(kind: int, text: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(text)) + text


def lines(data: bytes, **options: bool) -> list[tuple[str, str]]:
    table = logs(data, **options)
    return list(zip(table["stream"], table["line"], strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_both_streams_of_a_real_log(engine):
    table = logs(reply(engine, "logs_mux").encode())
    assert list(table) == [c.name for c in COLUMNS]
    said = dict(zip(table["stream"], table["line"], strict=True))
    assert said == {"stdout": "out", "stderr": "err"}
    assert table["time"].notna().all()


def test_times_are_exact_to_the_nanosecond():
    table = logs(frame(1, f"{T1} out\n".encode()) + frame(2, f"{T2} err\n".encode()))
    assert [t.isoformat() for t in table["time"]] == [
        "2026-11-23T20:33:24.214571340+00:00",
        "2026-11-23T20:33:24.215747335+00:00",
    ]


def test_without_timestamps_the_time_is_missing_and_the_line_is_whole():
    table = logs(frame(1, f"{T1} is when it began\n".encode()), timestamps=False)
    assert table["time"].isna().all()
    assert table["line"][0] == f"{T1} is when it began"


def test_empty_lines_count():
    assert lines(frame(1, f"{T1} \n".encode()) + frame(1, f"{T2} x\n".encode())) == [
        ("stdout", ""),
        ("stdout", "x"),
    ]


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.text(max_size=40)), max_size=8), st.data())
def test_pieces_of_any_size_give_the_same_lines(messages, data):
    clean = [(kind, text.replace("\n", " ")) for kind, text in messages]
    whole = b"".join(frame(kind, f"{T1} {text}\n".encode()) for kind, text in clean)
    decoder, got, at = LogDecoder(), [], 0
    while at < len(whole):
        step = data.draw(st.integers(1, 30))
        got += decoder.feed(whole[at : at + step])
        at += step
    got += decoder.close()
    assert [(line.stamp, line.stream, line.line) for line in got] == [
        (T1, "stdout" if kind == 1 else "stderr", text) for kind, text in clean
    ]


def test_a_long_line_is_one_line_though_the_engine_logs_it_in_pieces():
    pieces = [b"a" * 16384, b"b" * 16384, b"c\n"]
    data = b"".join(frame(1, f"{T1} ".encode() + piece) for piece in pieces)
    noise = frame(2, f"{T2} between\n".encode())
    table = logs(data[: 8 + 31 + 16384] + noise + data[8 + 31 + 16384 :])
    long = table[table["stream"] == "stdout"]
    assert long["line"].tolist() == ["a" * 16384 + "b" * 16384 + "c"]
    assert table["line"].tolist()[0] == "between"


def test_several_lines_in_one_frame_share_its_time():
    table = logs(frame(1, f"{T1} one\ntwo\nthree".encode()))
    assert table["line"].tolist() == ["one", "two", "three"]
    assert table["time"].nunique() == 1


def test_a_terminal_has_one_stream_and_carriage_returns():
    data = f"{T1} one\r\n{T2} tw\ro\r\n{T2} three".encode()
    assert lines(data, tty=True) == [
        ("stdout", "one"),
        ("stdout", "tw\ro"),
        ("stdout", "three"),
    ]
    long = f"{T1} {'a' * 16384}{T2} {'b' * 10}\r\n".encode()
    assert lines(long, tty=True) == [("stdout", "a" * 16384 + "b" * 10)]


def test_following_a_terminal_one_character_at_a_time():
    decoder, got = LogDecoder(tty=True), []
    for char in f"{T1} hello\r\n".encode():
        got += decoder.feed(bytes([char]))
    assert [(line.stamp, line.line) for line in got] == [(T1, "hello")]
    assert got[0].time == pd.Timestamp(T1)


def test_a_character_split_across_pieces_is_not_broken():
    data = frame(1, f"{T1} gr\u00fcn\n".encode())
    decoder = LogDecoder()
    cut = data.index(b"\xc3") + 1
    assert (decoder.feed(data[:cut]) + decoder.feed(data[cut:]))[0].line == "grün"
    assert lines(frame(1, f"{T1} ".encode() + b"\xff\n")) == [("stdout", "\ufffd")]


def test_a_log_cut_off_inside_a_frame_is_an_error_and_not_a_short_log():
    decoder = LogDecoder()
    whole = frame(1, f"{T1} out\n".encode())
    assert [line.line for line in decoder.feed(whole + whole[:-3])] == ["out"]
    with pytest.raises(ValueError, match="cut off"):
        decoder.close()


def test_a_terminals_log_read_as_frames_says_what_to_do():
    with pytest.raises(ValueError, match="tty=True"):
        logs(f"{T1} hello\r\n".encode())


def test_an_empty_log_has_the_columns_of_a_full_one():
    full = logs(frame(1, f"{T1} out\n".encode()))
    assert logs(b"").dtypes.equals(full.dtypes)
