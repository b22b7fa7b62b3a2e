"""Sphinx's configuration: Markdown by MyST, the reference by autodoc, formulas by a MathJax that lies in the site."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from docutils import nodes

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import docstrings  # noqa: E402

import numpy_bert  # noqa: E402

project = "numpy_bert"
version = release = numpy_bert.__version__
language = "en"
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]

myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["ref.python"]  # many modules have a Params; a name in a signature that could be any is not a link

autodoc_member_order = "bysource"
autodoc_type_aliases = {"Array": "Array", "ArrayLike": "ArrayLike"}
add_module_names = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "numpy_bert"
smartquotes = False  # "..." is three points in a shape
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses without a server
pygments_style = "friendly"
pygments_dark_style = "native"

# One file, fonts and all: it works from a disk, where a browser may refuse to load a font.
mathjax_path = "tex-svg.js"
mathjax3_config = {
    "options": {"enableMenu": False},
    "svg": {"fontCache": "global", "displayAlign": "left", "displayIndent": "1em"},
}


def _mathjax() -> Path:
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise ImportError("the site needs sphinx-mathjax-offline; run: pip install .[docs]")
    return Path(package.origin).parent / "static" / "mathjax" / "tex-svg.js"


def _add_mathjax(app: Any, exception: Exception | None) -> None:
    if exception is None:
        (Path(app.outdir) / "_static" / "tex-svg.js").write_bytes(_mathjax().read_bytes())


def _display(app: Any, doctree: nodes.document) -> None:
    r"""A display formula as it is written: Sphinx would wrap one with \\ in an environment that allows no \tag."""
    for node in doctree.findall(nodes.math_block):
        node["no-wrap"] = node["nowrap"] = True
        text = rf"\[{node.astext()}\]"
        node.rawsource = text
        node.children[:] = [nodes.Text(text)]


def setup(app: Any) -> None:
    app.connect("doctree-read", _display)
    app.connect("build-finished", _add_mathjax)
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-process-signature", docstrings.signature)
    app.connect("autodoc-skip-member", docstrings.skip)
