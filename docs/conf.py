"""Settings of Sphinx, which makes the pages: uv run --group docs sphinx-build -W -n docs site."""

from importlib import metadata

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "islet"
author = "the islet developers"
release = metadata.version("islet")
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"islet {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["math.css"]
html_show_copyright = False
exclude_patterns = ["images"]


def inline(page: HTML5Translator, node: nodes.math) -> None:
    """Write an equation in a line as MathML, which browsers draw by themselves."""
    page.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(page: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation of its own as MathML, to be scrolled where a phone is too narrow."""
    equation = convert(node.astext(), display="block")
    page.body.append(f'<div class="math" style="overflow-x: auto">{equation}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Let Sphinx know how equations are written."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
