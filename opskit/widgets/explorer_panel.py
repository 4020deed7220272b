"""Pick an endpoint, fill its form, see the call in four languages, send it, look at the answer."""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import quote

import ipywidgets as W

from opskit.api import Endpoint, Param, render
from opskit.api.endpoints import ENDPOINTS
from opskit.api.search import ranked
from opskit.engine import Engine
from opskit.errors import OpskitError
from opskit.widgets.answer import Answer, as_html, send
from opskit.widgets.panel import Panel
from opskit.widgets.style import BLOCK

__all__ = ["Explorer"]

HINTS = {
    "bool": "true or false",
    "int": "a number",
    "time": "10m, or a time",
    "filters": '{"label": ["app=web"]}',
    "json": "JSON",
    "list": "one, two",
}


class Explorer(Panel):
    """See `opskit.widgets.explorer`."""

    def __init__(self, engine: Engine, *, search: str = "", timeout: float = 30.0) -> None:
        self._engine = engine
        self._timeout = timeout
        self._fields: dict[str, W.Widget] = {}
        self.answer: Answer | None = None
        self._search = W.Text(
            value=search, description="Search", placeholder="stop container, ps, /images …"
        )
        self._endpoints = W.Select(description="Endpoint", rows=8, layout=W.Layout(width="auto"))
        self._about = W.HTML()
        self._form = W.VBox([])
        self._body = W.Textarea(
            description="JSON body", rows=6, layout=W.Layout(width="auto", display="none")
        )
        self._calls = W.HTML()
        self._submit = W.Button(
            description="Send",
            button_style="primary",
            tooltip="send this call",
            layout=W.Layout(width="auto", align_self="flex-start"),
        )
        self._result = W.HTML()
        for name in ("search", "endpoints", "about", "form", "body", "calls", "submit", "result"):
            getattr(self, f"_{name}").add_class(f"opskit-{name}")
        self._result.add_class("jp-RenderedHTMLCommon")
        left = W.VBox(
            [self._search, self._endpoints, self._about], layout=W.Layout(flex="1 1 26em")
        )
        right = W.VBox(
            [self._form, self._body, self._submit, self._calls], layout=W.Layout(flex="1 1 26em")
        )
        columns = W.HBox([left, right], layout=W.Layout(flex_flow="row wrap"))
        super().__init__(engine.address, [columns, self._result])
        self.bar.children = (self._status,)
        self.tell("choose an endpoint")
        self._search.observe(lambda _: self._list(), "value")
        self._endpoints.observe(lambda _: self._choose(), "value")
        self._body.observe(lambda _: self._render(), "value")
        self._submit.on_click(lambda _: self._on_send())
        self.remember("search", self._search)
        self._list()
        self.remember("endpoint", self._endpoints)
        for name, field in self._fields.items():
            self.remember(f"field {name}", field)
        self.remember("body", self._body)

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that is chosen."""
        chosen: Endpoint | None = self._endpoints.value
        return chosen

    def _list(self) -> None:
        text = self._search.value.strip()
        found = [e for _, e in ranked(text)][:25] if text else list(ENDPOINTS)
        if text.startswith("/"):
            found = [e for e in ENDPOINTS if e.path.startswith(text)] or found
        former = self._endpoints.value
        self._endpoints.options = [(f"{e.method} {e.path} — {e.summary}", e) for e in found]
        if text and found:
            self._endpoints.value = found[0]
        elif former in found:
            self._endpoints.value = former

    def _choose(self) -> None:
        endpoint = self.endpoint
        if endpoint is None:
            return
        former, self._fields = self._fields, {p.name: self._field(p) for p in endpoint.params}
        for name in former:
            del self._chosen[f"field {name}"]
        for name, field in self._fields.items():
            if name in former and former[name].value:
                field.value = former[name].value
            field.observe(lambda _: self._render(), "value")
            self._chosen[f"field {name}"] = (field, "value")
        self._form.children = tuple(self._fields.values())
        for field in former.values():
            field.close()
        takes_json = bool(endpoint.body) and "application/json" in endpoint.consumes
        self._body.layout.display = "" if takes_json else "none"
        self._body.placeholder = endpoint.body
        self._about.value = _about(endpoint)
        refused = self._engine.read_only and not endpoint.read_only
        self._submit.disabled = refused or endpoint.hijacks
        self._submit.description = "Send" if endpoint.read_only else "Send (changes the engine)"
        if refused:
            self.tell("this engine is connected read-only")
        elif endpoint.hijacks:
            self.tell("this call takes over the connection: use engine.exec or the command line")
        else:
            self.tell("fill the form, then send")
        self._render()

    def _field(self, param: Param) -> W.Widget:
        mark = " *" if param.required or param.where == "path" else ""
        common = {
            "description": param.name + mark,
            "tooltip": param.doc,
            "style": {"description_width": "9em"},
            "layout": W.Layout(width="auto"),
        }
        if param.type == "bool":
            return W.Dropdown(options=["", "true", "false"], **common)
        hint = HINTS.get(param.type, "")
        return W.Text(placeholder=f"{hint} — {param.doc}" if hint else param.doc, **common)

    def call(self) -> tuple[str, str, dict[str, Any], Any, dict[str, str]]:
        """The call as it stands in the form: method, path, query, body, headers.

        Raises
        ------
        OpskitError
            A required field is empty, or JSON is not JSON: names the field and the place.
        """
        endpoint = self.endpoint
        if endpoint is None:
            raise OpskitError("no endpoint is chosen", "choose one from the list")
        path, query, headers = endpoint.path, dict[str, Any](), dict[str, str]()
        for param in endpoint.params:
            text = self._fields[param.name].value.strip()
            if not text:
                if param.required or param.where == "path":
                    raise OpskitError(f"{param.name} is required", f"fill it in: {param.doc}")
                continue
            if param.where == "path":
                path = path.replace("{" + param.name + "}", quote(text, safe="/:@"))
            elif param.where == "header":
                headers[param.name] = text
            else:
                query[param.name] = _value(param, text)
        return endpoint.method, path, query, self._json_body(endpoint), headers

    def _json_body(self, endpoint: Endpoint) -> Any:
        text = self._body.value.strip()
        if not text or self._body.layout.display == "none":
            return None
        return _json(f"the body of {endpoint.path}", text)

    def _render(self) -> None:
        try:
            method, path, query, body, headers = self.call()
        except OpskitError as error:
            self._calls.value = f"<i>{html.escape(error.what)}</i>"
            return
        words: dict[str, Any] = {"query": query, "json": body}
        version = self._engine.api_version
        where = self._engine.where
        told = {
            "curl": render.curl(
                method, path, **words, headers=headers, address=where, api_version=version
            ),
            "opskit": render.opskit(method, path, **words),
            "Docker SDK": render.sdk(method, path, **words),
            "docker CLI": render.cli(method, path, **words),
        }
        self._calls.value = "".join(
            f"<b>{name}</b><pre style='{BLOCK}' tabindex='0'>{html.escape(text)}</pre>"
            for name, text in told.items()
        )

    def _on_send(self) -> None:
        endpoint = self.endpoint
        try:
            call = self.call()
        except OpskitError as error:
            self.tell(error)
            return
        label = f"{call[0]} {call[1]}"

        def do() -> None:
            endless = bool(endpoint and endpoint.streams)
            self.act(
                label,
                lambda: send(self._engine, *call, endless=endless, timeout=self._timeout),
                self._show,
            )

        if endpoint is not None and endpoint.read_only:
            do()
        else:
            self.ask(f"{label} changes the engine. Send it?", "Send", do)

    def _show(self, answer: Answer) -> None:
        self._result.value = as_html(answer)
        self.answer = answer

    def table(self) -> str:
        shown = as_html(self.answer) if self.answer else ""
        return f"{self._about.value}{self._calls.value}{shown}"

    def __repr__(self) -> str:
        return f"<Explorer of {self._engine.address}: {self.endpoint or 'no endpoint chosen'}>"


def _value(param: Param, text: str) -> Any:
    if param.type in ("filters", "json"):
        return _json(param.name, text)
    if param.type == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    if param.type == "int" and not text.lstrip("-").isdigit():
        raise OpskitError(f"{param.name} is {text!r}, not a number", "write digits only")
    if param.type == "time":
        from opskit.times import to_wire

        try:
            return to_wire(text)
        except ValueError as error:
            raise OpskitError(f"{param.name}: {error}") from None
    return text


def _json(what: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise OpskitError(
            f"{what} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}",
            "names and texts go in double quotes, and no comma behind the last one",
        ) from None


def _about(endpoint: Endpoint) -> str:
    facts = [f"since API {endpoint.since}"]
    facts += ["only looks" if endpoint.read_only else "<b>changes the engine</b>"]
    if endpoint.stream:
        facts.append(f"stream: {html.escape(endpoint.stream)}")
    if endpoint.needs_swarm:
        facts.append("needs a swarm")
    return f"<p>{html.escape(endpoint.summary)}<br><small>{'; '.join(facts)}</small></p>"
