"""What panels look like: the theme's own colours, and an outline for what has the focus."""

from __future__ import annotations

import ipywidgets as W

__all__ = ["BLOCK", "STYLE", "beside"]

BLOCK = "max-height: 24em; overflow: auto; white-space: pre-wrap; margin: 0 0 .6em"

STYLE = """<style>
.opskit-panel { color: var(--jp-ui-font-color1, #222); }
.opskit-panel .opskit-bar { align-items: center; }
.opskit-panel .opskit-status { min-height: 1.4em; margin-left: .5em; }
.opskit-panel .widget-checkbox { width: auto; margin-right: 1em; }
.opskit-panel .opskit-error { color: var(--jp-error-color1, #b00020); font-weight: 600; }
.opskit-panel .widget-html-content { line-height: 1.5; }
.opskit-panel .jp-RenderedHTMLCommon table { margin-left: 0; }
.opskit-panel .jp-RenderedHTMLCommon th:first-child,
.opskit-panel .jp-RenderedHTMLCommon td:first-child,
.opskit-texts .jp-RenderedHTMLCommon th, .opskit-texts .jp-RenderedHTMLCommon td {
  text-align: left; }
.opskit-panel .opskit-choosers { flex-flow: row wrap; align-items: center; }
.opskit-panel .opskit-choosers > .widget-dropdown { width: auto; margin-right: 1em; }
.opskit-panel .opskit-choosers .widget-label { width: auto; }
.opskit-panel .opskit-listed { flex-direction: column; align-items: stretch; }
.opskit-panel .opskit-listed > label { width: auto; max-width: none; text-align: left; }
.opskit-panel .opskit-listed > label, .opskit-panel .opskit-listed > select {
  font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px);
  white-space: pre; margin: 0; }
.opskit-panel .opskit-listed > label { padding-left: 5px; }
.opskit-panel button:focus-visible, .opskit-panel input:focus-visible,
.opskit-panel select:focus-visible, .opskit-panel textarea:focus-visible,
.opskit-panel summary:focus-visible, .opskit-panel [tabindex]:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
</style>"""


def beside(*widgets: W.Widget) -> W.HBox:
    """Widgets beside each other, below each other where the page is narrow."""
    box = W.HBox(widgets)
    box.add_class("opskit-choosers")
    return box
