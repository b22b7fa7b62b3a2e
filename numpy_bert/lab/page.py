"""The lab's page: a template with its script, its style and the facts of the model it begins with."""

from __future__ import annotations

import html
from typing import Any

from ..exercises import EXERCISES
from ..explain import static_page, targets, tracing
from .session import Session

SCRIPTS = (
    "elements.js", "heat.js", "answer.js", "parts.js", "patching.js", "row.js", "step.js", "broken.js", "lab.js",
)  # fmt: skip
TEXT = "The movie was good."  # that the page begins with, unless another is asked for
SOURCE = "The movie was bad."


def render(session: Session) -> str:
    """The page as text."""
    scripts = [static_page.read(tracing.__name__, "color.js")]  # the colors of the explorer
    scripts += [static_page.read(__package__, name) for name in SCRIPTS]
    script = "(() => {\n'use strict';\n" + "\n".join(scripts) + "})();\n"
    style = static_page.read(__package__, "lab.css")
    parts = {
        "policy": policy(style, script),
        "style": style,
        "data": static_page.inert_json(facts(session)),
        "script": script,
    }
    return static_page.filled(static_page.read(__package__, "lab.html"), parts)


def policy(style: str, script: str) -> str:
    """As that of the explorer; the page may ask its own server, and show what comes from there in a frame."""
    return static_page.policy(style, script) + html.escape("; connect-src 'self'; frame-src 'self'")


def facts(session: Session) -> dict[str, Any]:
    """What the page needs to draw its controls."""
    bert = session.bert
    config = bert.config
    return {
        "model": repr(bert),
        "text": session.first_text or TEXT,
        "source": SOURCE,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "tasks": [task for task in targets.ORDER if task in bert.heads] or [targets.VECTOR],
        "gelu": config.gelu,
        "layer_norm_eps": config.layer_norm_eps,
        "exercises": [{"block": exercise.block, "title": exercise.title} for exercise in EXERCISES],
    }
