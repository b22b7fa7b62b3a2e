"""The lab's page: a template with its script, its style and the facts of the model it begins with."""

from __future__ import annotations

from typing import Any

from ..exercises import EXERCISES
from ..explain import static_page, targets, tracing
from .session import Session

SCRIPTS = (
    "elements.js", "heat.js", "answer.js", "parts.js", "patching.js", "row.js", "step.js", "broken.js", "lab.js",
)  # fmt: skip
TEXT = "The movie was good."  # that the page begins with by default
SOURCE = "The movie was bad."
ALLOWED = "; connect-src 'self'; frame-src 'self'"  # the page asks its own server, and shows its pages in a frame


def render(session: Session) -> str:
    """The page as text."""
    scripts = [static_page.read(tracing.__name__, name) for name in ("make.js", "color.js")]
    scripts += [static_page.read(__package__, name) for name in SCRIPTS]
    parts = {"data": static_page.inert_json(facts(session))}
    return static_page.page(__package__, "lab.html", "lab.css", "BERT lab", parts, scripts, ALLOWED)


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
