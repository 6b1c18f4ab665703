"""Settings of Sphinx, which makes the pages: uv run --group docs sphinx-build -W -n docs site."""

from importlib import metadata

project = "islet"
author = "the islet developers"
release = metadata.version("islet")
extensions = ["myst_parser", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"islet {release}"
exclude_patterns = ["images"]
