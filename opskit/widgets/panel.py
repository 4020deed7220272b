"""The base of all panels: a thread reads, the kernel's loop paints, and all ends with the panel.

A widget callback may run on the main thread or on a subshell's, depending on the kernel's release,
and a plain thread may not touch widgets at all with some. What holds everywhere: take the main
loop and the context of the cell when the panel is made, read in threads of one's own, and set
traits only in calls that were handed to that loop.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import html
import queue
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import ipywidgets as W

from opskit.widgets.kernel import cell_id, giving_way, kernel_loop
from opskit.widgets.question import Question
from opskit.widgets.style import STYLE

__all__ = ["Panel"]

FIRST_SECONDS = 6.0

_open: dict[Hashable, Panel] = {}


@atexit.register
def _end_all() -> None:
    for panel in list(_open.values()):
        panel.end()


class Panel(W.VBox):  # type: ignore[misc]
    """A live view of an engine: reading, painting, starting, stopping, errors, closing.

    A subclass gives `read` (any thread, no widgets), `paint` (the loop, widgets only) and `table`
    (HTML that stands for the panel where no kernel runs), and calls `remember` for what the user
    may choose.

    Parameters
    ----------
    key : hashable
        What the panel shows, with its kind: a panel made again in the same cell with the same key
        closes the one before and keeps what the user chose in it.
    view : sequence of Widget
        What is below the bar.
    interval : float
        Seconds from one reading to the next.
    live : bool
        Begin reading at once.
    """

    def __init__(
        self, key: Hashable, view: list[W.Widget], *, interval: float = 2.0, live: bool = False
    ) -> None:
        self._loop = kernel_loop()
        self._context = contextvars.copy_context()
        self._halt: threading.Event | None = None
        self._chosen: dict[str, tuple[W.Widget, str]] = {}
        self._key = (type(self).__name__, key, cell_id())
        self._former: dict[str, Any] = {}
        self.interval = interval
        self.readings = 0
        self._first: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.closed = False
        self._toggle = W.ToggleButton(description="Live", tooltip="read again and again")
        self._once = W.Button(description="Refresh", tooltip="read once")
        self._status = W.HTML("stopped")
        self._confirm = Question()
        named = {"live": self._toggle, "refresh": self._once, "status": self._status}
        for name, widget in named.items():
            widget.add_class(f"opskit-{name}")
        self.bar = W.HBox([self._toggle, self._once, self._status])
        self.bar.add_class("opskit-bar")
        self._was_seen = False
        # the frontend counts its views of this widget when the count is a number
        super().__init__([W.HTML(STYLE), self.bar, self._confirm, *view], _view_count=0)
        self.add_class("opskit-panel")
        self.add_class(f"opskit-{type(self).__name__.lower()}")
        self._replace_former()
        self.observe(self._on_views, "_view_count")
        self._toggle.observe(self._on_toggle, "value")
        self._once.on_click(lambda _: self.act("refresh", self._read_once, self._painted))
        self.remember("live", self._toggle)
        if live and "live" not in self._former:
            self._toggle.value = True

    def read(self) -> Any:
        """What is shown, from the engine. Runs in a thread: no widgets here."""
        raise NotImplementedError

    def paint(self, data: Any) -> None:
        """Show what `read` gave. Runs on the kernel's loop."""
        raise NotImplementedError

    def table(self) -> str:
        """HTML that stands for the panel in exported pages and on GitHub."""
        return ""

    def state(self) -> str:
        """A word on a live panel that was just painted."""
        return "live"

    def remember(self, name: str, widget: W.Widget, trait: str = "value") -> None:
        """Keep what the user chooses in ``widget`` when the cell is run again."""
        self._chosen[name] = (widget, trait)
        if name in self._former:
            with contextlib.suppress(Exception):  # an option that is not offered any more
                setattr(widget, trait, self._former[name])

    def _replace_former(self) -> None:
        former = _open.pop(self._key, None)
        _open[self._key] = self
        if former is not None and not former.closed:
            self._former = {n: getattr(w, trait) for n, (w, trait) in former._chosen.items()}
            former.close()

    def refresh(self) -> None:
        """Read and paint once, in the calling thread."""
        try:
            self._painted(self._read_once())
        except Exception as error:
            self.tell(error)

    def _read_once(self) -> Any:
        try:
            return self.read()
        finally:
            if not self.live:
                self.release()

    def start(self) -> None:
        """Read every `interval` seconds until `stop`."""
        self._toggle.value = True

    def stop(self) -> None:
        """Stop reading; what is shown stays."""
        self._toggle.value = False

    @property
    def live(self) -> bool:
        """Whether a thread is reading."""
        return self._halt is not None and not self._halt.is_set()

    def _on_toggle(self, change: Any) -> None:
        if self._halt is not None:
            self._halt.set()
            self._halt = None
            self.release()
        if change["new"] and not self.closed:
            self._halt = threading.Event()
            name = f"opskit-{type(self).__name__.lower()}"
            threading.Thread(target=self._run, args=(self._halt,), name=name, daemon=True).start()
            self.tell("reading …")
        else:
            self.tell("stopped")

    def _on_views(self, change: Any) -> None:
        self._was_seen = self._was_seen or bool(change["new"])

    def _run(self, halt: threading.Event) -> None:
        while not halt.is_set():
            if self._was_seen and not self._view_count:  # its output was cleared, or the page left
                self.release()
                halt.wait(self.interval)
                continue
            begun = time.monotonic()
            try:
                with giving_way():
                    data = self.read()
            except Exception as error:  # an engine that is away may come back: go on asking
                data = error
            if self._first.empty():
                self._first.put(data)
            self._later(self._show_live, halt, data)
            spent = time.monotonic() - begun  # a slow reading may not take all of the kernel's time
            halt.wait(max(self.interval - spent, self.interval / 4))
        if self._halt in (None, halt):  # opened by a reading that was under way
            self.release()

    def _show_live(self, halt: threading.Event, data: Any) -> None:
        if halt.is_set():  # what arrives late is dropped
            return
        if isinstance(data, Exception):
            self.tell(data)
        elif self._painted(data):
            self.tell(self.state())

    def _painted(self, data: Any) -> bool:
        self.readings += 1
        try:
            self.paint(data)
        except Exception as error:
            self.tell(error)
            return False
        return True

    def _later(self, call: Callable[..., None], *args: Any) -> None:
        if self.closed:
            return
        if self._loop is None:
            call(*args)
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the kernel ends
                self._loop.call_soon_threadsafe(call, *args, context=self._context)

    def act(
        self,
        label: str,
        work: Callable[[], Any],
        then: Callable[[Any], object] | None = None,
    ) -> threading.Thread:
        """Do ``work`` in a thread, telling that it is under way, then its result or its error.

        Without a label only an error is told.
        """
        if label:
            self.tell(f"{label} …")

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                self._later(self.tell, error)
            else:
                self._later(self._acted, label, then, result)

        thread = threading.Thread(target=run, name="opskit-act", daemon=True)
        thread.start()
        return thread

    def _acted(self, label: str, then: Callable[[Any], object] | None, result: Any) -> None:
        if label:
            self.tell(f"{label}: done")
        if then is not None:
            then(result)

    def ask(self, question: str, yes: str, then: Callable[[], Any]) -> None:
        """Ask before something that cannot be undone; ``then`` runs when the user says yes."""
        self._confirm.ask(question, yes, then)

    def tell(self, what: str | Exception) -> None:
        """Show a word on the state of things, or an error with what to do."""
        if isinstance(what, Exception):
            text = html.escape(str(what)).replace("\n", "<br>")
            value = f'<span class="opskit-error" role="alert">{type(what).__name__}: {text}</span>'
        else:
            value = f'<span role="status">{html.escape(what)}</span>'
        if self._status.value != value:
            self._status.value = value

    def close(self) -> None:
        """Stop reading and close the widgets of this panel."""
        if self.closed:
            return
        self.closed = True
        if _open.get(self._key) is self:
            del _open[self._key]
        self.end()
        _close_all(self)

    def end(self) -> None:
        """Stop reading and let go of everything; the widgets stay as they are."""
        if self._halt is not None:
            self._halt.set()
        self.release()

    def release(self) -> None:
        """Let go of what a subclass holds while it is live: samplers, streams."""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self.live and not self.readings:  # what is kept of the page is what is shown now
            with contextlib.suppress(queue.Empty):
                first = self._first.get(timeout=FIRST_SECONDS)
                if not isinstance(first, Exception):
                    self._painted(first)
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, tuple):
            bundle = bundle[0]
        return {**(bundle or {}), "text/plain": repr(self), "text/html": self.table()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


def _close_all(widget: W.Widget) -> None:
    for child in getattr(widget, "children", ()):
        _close_all(child)
    W.Widget.close(widget)
