"""Controls and live panels for JupyterLab, ipywidgets only."""
