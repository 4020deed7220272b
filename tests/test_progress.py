"""What engines tell while they pull, push and build: the log, the bars, the errors in it."""

from __future__ import annotations

import io
import json
import warnings

import pytest

from opskit.actions import progress
from opskit.actions.progress import LOG_COLUMNS, explain, follow
from opskit.actions.steps import STEP_COLUMNS, Steps
from opskit.errors import BadResponse, OperationFailed


class Told:
    """A stream that tells these messages."""

    def __init__(self, *messages):
        self.messages = messages

    def lines(self):
        for message in self.messages:
            yield message if isinstance(message, bytes) else json.dumps(message).encode()


def downloading(layer, current, total, status="Downloading"):
    detail = {"current": current, "total": total}
    return {"status": status, "id": layer, "progressDetail": detail, "progress": "[=>]"}


PULL = (
    {"status": "Pulling from library/box", "id": "1"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    downloading("aaaaaaaaaaaa", 10, 100),
    downloading("aaaaaaaaaaaa", 100, 100),
    {"status": "Download complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    downloading("aaaaaaaaaaaa", 50, 100, "Extracting"),
    {"status": "Pull complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    {"status": "Digest: sha256:feed"},
    {"status": "Status: Downloaded newer image for box:1"},
)


def test_the_log_has_a_row_for_each_thing_that_happened():
    frame = follow(Told(*PULL), "POST /images/create").frame()
    assert list(frame.columns) == [column.name for column in LOG_COLUMNS]
    assert frame["status"].tolist() == [
        "Pulling from library/box",
        "Pulling fs layer",
        "Downloading",
        "Download complete",
        "Extracting",
        "Pull complete",
        "Digest: sha256:feed",
        "Status: Downloaded newer image for box:1",
    ]
    assert frame.loc[2, ["current_bytes", "total_bytes"]].tolist() == [100, 100]
    empty = follow(Told(), "POST /images/create").frame()
    assert empty.dtypes.equals(frame.dtypes)


@pytest.mark.parametrize(
    "error",
    [
        {"errorDetail": {"message": "no space left on device"}, "error": "no space left on device"},
        {"errorDetail": {"code": 1, "message": "no space left on device"}},
        {"error": "no space left on device"},
    ],
)
def test_an_error_in_the_stream_is_an_error(error):
    with pytest.raises(OperationFailed, match="no space left") as raised:
        follow(Told(*PULL[:3], error, *PULL[3:]), "POST /images/create")
    assert raised.value.status == 200
    assert raised.value.message == "no space left on device"
    assert "engine.prune()" in str(raised.value)
    assert raised.value.log["status"].tolist()[-1] == "Downloading"


def test_what_is_no_progress_is_told():
    with pytest.raises(BadResponse, match="no JSON"):
        follow(Told(PULL[0], b"<html>"), "POST /images/create")


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("unauthorized: authentication required", "docker login"),
        ("denied: requested access to the resource is denied", "docker login"),
        ("manifest for x not found: manifest unknown", "name and tag"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "does not reach"),
        ("Get https://x/v2/: http: server gave HTTP response to HTTPS client", "insecure"),
        ("x509: certificate signed by unknown authority", "does not reach"),
        ("The command '/bin/sh -c x' returned a non-zero code: 1", "Dockerfile failed"),
        ("something else entirely", "engine's own log"),
    ],
)
def test_each_failure_says_what_to_do(said, remedy):
    assert remedy in explain(said)


def test_each_layer_has_a_bar_in_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "DELAY", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        follow(Told(*PULL), "POST /images/create")
    shown = screen.getvalue()
    assert "aaaaaaaaaaaa: Downloading" in shown
    assert "aaaaaaaaaaaa: Extracting" in shown
    assert shown.rstrip(" \r\n").count("\n") <= 1  # the bars are gone when it is over


def test_nothing_is_shown_where_nobody_watches(monkeypatch, capsys):
    follow(Told(*PULL), "POST /images/create")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    follow(Told(*PULL), "POST /images/create", show=False)
    assert capsys.readouterr().err == ""


def test_a_build_that_writes_like_a_builder():
    steps = Steps(show=False)
    for text in (
        "Step 1/2 : FROM box\n",
        " ---> 0123456789ab\n",
        "Step 2/2 : RUN echo 'Step 9/9 : no step'; echo ' ---> no image'\n",
        " ---> Running in fedcba987654\n",
        "Step 9/9 : no step\n",
        " ---> no image\n",
        "Removing intermediate container fedcba987654\n",
        " ---> ba9876543210\n",
        "[Warning] One or more build-args [X] were not consumed\n",
        "Successfully built ba9876543210\n",
        "Successfully tagged box:1\n",
    ):
        steps.take({"stream": text})
    frame = steps.frame()
    assert list(frame.columns) == [column.name for column in STEP_COLUMNS]
    assert frame["image_id"].tolist() == ["0123456789ab", "ba9876543210"]
    assert frame["output"].tolist() == ["", "Step 9/9 : no step\n"]
    assert steps.built == "ba9876543210"
    assert Steps().frame().dtypes.equals(frame.dtypes)


def test_a_build_that_writes_like_podmans():
    steps = Steps(show=False)
    for text in (
        "[1/2] STEP 1/2: FROM box AS one\n",
        "[1/2] STEP 2/2: RUN true\n",
        "--> Using cache 9b8da116327b2d8b480085d8b73df7cba59866b56df827e8697692f93acd0069\n",
        "--> 9b8da116327\n",
        "[2/2] STEP 1/2: FROM one\n",
        "[2/2] STEP 2/2: RUN echo hi\n",
        "hi\n",
        "COMMIT docker.io/library/x:1\n",
        "--> 669eb502152\n",
        "669eb50215239566d63807bdee751116e33938037fed07a1288e6c66bf2f1ed8\n",
        "Successfully built 669eb5021523\n",
    ):
        steps.take({"stream": text})
    frame = steps.frame()
    assert frame["step"].tolist() == [1, 2, 1, 2]
    assert frame["cached"].tolist() == [False, True, False, False]
    assert frame["output"].tolist() == ["", "", "", "hi\n"]
    assert frame["image_id"].fillna("").tolist() == ["", "9b8da116327", "", "669eb502152"]
    assert steps.built == "669eb5021523"
