"""HTML pages in a single file: a filled template, and a policy that lets nothing else run or load.

No text of a user or a model becomes markup: it stands escaped in the template or in a script element of type
application/json with every <, > and & escaped. A Content-Security-Policy names the hashes of the page's own script and
style and forbids everything else, so that even markup that got through could not run or load anything.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from importlib import resources
from typing import Any

from ..files.atomic import replacing

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{title}}</title>
<link rel="icon" href="data:,">
<style>{{style}}</style>
</head>
"""


def page(
    package: str, template: str, style: str, title: str, parts: dict[str, str], scripts: list[str], allowed: str = ""
) -> str:
    """A page from a template (its body) and a style in static/ of a package, with the texts of its scripts.

    parts: HTML for the template, by name. allowed: more directives for the policy.
    """
    css = read(package, style)
    script = "(() => {\n'use strict';\n" + "\n".join(scripts) + "})();\n" if scripts else None
    head = {"policy": policy(css, script) + html.escape(allowed), "title": html.escape(title), "style": css}
    return filled(HEAD, head) + filled(read(package, template), parts | {"script": script or ""})


def read(package: str, name: str) -> str:
    """A file of the folder static/ of a package."""
    return resources.files(package).joinpath("static", name).read_text("utf-8")


def filled(template: str, parts: dict[str, str]) -> str:
    """The template with each {{name}} replaced, once: the parts themselves are not searched."""
    first, *rest = template.split("{{")
    sections = [first]
    for section in rest:
        name, _, following = section.partition("}}")
        sections += [parts[name], following]
    return "".join(sections)


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


def write(text: str, path: str | os.PathLike[str]) -> None:
    """Write the page as UTF-8, whole or not at all. Error: the file cannot be written."""
    with replacing(path) as stream:
        stream.write(text.encode("utf-8", "replace"))
