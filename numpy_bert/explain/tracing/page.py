"""The explorer: a trace as one HTML page that needs nothing else, no network, no server, no build.

The files of static/ are put together with the trace as JSON. No text of the trace becomes markup: it stands in a script
element of type application/json with every <, > and & escaped, and the page's script hands it on as text alone. A
Content-Security-Policy names the hashes of the page's own script and style and forbids everything else, so that even
markup that got through could not run or load anything.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from importlib import resources
from typing import Any

from ...files.atomic import replacing
from .page_data import page_data
from .trace import Trace

SCRIPTS = (
    "data.js", "colour.js", "heatmap.js", "viewer.js", "source.js", "map.js", "walk.js", "attention.js", "flow.js",
    "about.js", "main.js",
)  # fmt: skip
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(trace: Trace) -> str:
    """The page as text. Error: the source of the package is not installed."""
    script = "(() => {\n'use strict';\n" + "\n".join(map(read, SCRIPTS)) + "})();\n"
    style = read("page.css")
    parts = {
        "policy": policy(style, script),
        "style": style,
        "data": inert_json(page_data(trace)),
        "script": script,
    }
    return filled(read("page.html"), parts)


def write(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write the page. Error: as `page`, or the file cannot be written."""
    text = page(trace)
    with replacing(path) as stream:
        stream.write(text.encode("utf-8", "replace"))


def read(name: str) -> str:
    """A file of static/."""
    return resources.files(__package__).joinpath("static", name).read_text("utf-8")


def filled(template: str, parts: dict[str, str]) -> str:
    """The template with each {{name}} replaced, once: what a part holds is not looked through again."""
    pieces = template.split("{{")
    found = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        found += [parts[name], rest]
    return "".join(found)


def inert_json(data: Any) -> str:
    """JSON that no HTML parser can take for markup."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, escape in ESCAPES.items():
        text = text.replace(sign, escape)
    return text


def policy(style: str, script: str | None = None) -> str:
    """A Content-Security-Policy under which this style and this script work, and nothing else does."""
    scripts = "" if script is None else f"script-src '{_hash(script)}'; "
    allowed = f"{scripts}style-src '{_hash(style)}'; img-src data:"
    return html.escape(f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
