"""numpy-bert demo: what a model can do, shown once on real sentences, everything computed then and there."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .command import Command
from .inputs import chosen_model
from .output import Bar, paragraph, print_json, table

if TYPE_CHECKING:
    from ..model import Bert

SENTENCES = (
    "I liked this movie.",
    "A wonderful film with a great cast.",
    "The plot is dull and the acting is worse.",
    "The train to Berlin leaves at nine.",
)
MASKED = ("The movie was [MASK].", "She opened the [MASK] and went in.")
PAIRS = (
    ("He went to the cinema.", "The film began at eight."),
    ("He went to the cinema.", "Penguins cannot fly."),
)
REVIEWS = ("I Love this movie because the actors are funny and professional", "I did not like it at all.")

Section = tuple[str, str, Any]  # title, text for people, the same as JSON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes no more than every command does."""


def run(options: argparse.Namespace) -> int:
    return show_all(chosen_model(options), options.json)


def show_all(bert: Bert, as_json: bool) -> int:
    """Print each section as it is ready; returns the exit status."""
    begun = time.perf_counter()
    data_of: dict[str, Any] = {}
    for title, text, data in sections(bert):
        data_of[title] = data
        if not as_json:
            print(f"{title}\n\n{text}\n")
    if as_json:
        print_json(data_of)
    else:
        print(paragraph(f"{time.perf_counter() - begun:.1f} s in all. {bert!r}"))
    return 0


def sections(bert: Bert) -> Iterator[Section]:
    """What this model can do: always tokens, vectors and gradients; the heads where its checkpoint has them."""
    yield _tokens(bert)
    yield _similarity(bert)
    by_head: dict[str, Callable[[Bert], Section]] = {
        "masked_lm": _fill_mask,
        "next_sentence": _next_sentence,
        "sequence_classification": _classify,
    }
    for head, section in by_head.items():
        if head in bert.heads:
            yield section(bert)
    yield _gradients()


def _tokens(bert: Bert) -> Section:
    encoding = bert.tokenizer.encode(SENTENCES[0])
    h = bert(SENTENCES[0])
    rows = [
        (token, number, " ".join(f"{x:7.3f}" for x in vector[:5]) + " ...")
        for token, number, vector in zip(encoding.tokens, encoding.ids, h, strict=True)
    ]
    text = table(("token", "id", f"contextual embedding, {h.shape[1]} numbers"), rows, "lrl")
    return f'The tokens of "{SENTENCES[0]}"', text, {"tokens": encoding.tokens, "ids": encoding.ids}


def _similarity(bert: Bert) -> Section:
    cosines = bert.similarity(SENTENCES, SENTENCES)
    rows = [[f"{i + 1} {text}"] + [f"{x:.2f}" for x in cosines[i]] for i, text in enumerate(SENTENCES)]
    header = ["", *(str(i + 1) for i in range(len(SENTENCES)))]
    text = table(header, rows, "l" + "r" * len(SENTENCES), repeat_first=True)
    return "Cosine similarity of sentence vectors", text, [[float(x) for x in row] for row in cosines]


def _fill_mask(bert: Bert) -> Section:
    answers = {text: bert.fill_mask(text)[0] for text in MASKED}
    parts = []
    for text, answer in answers.items():
        rows = [(p.token, f"{p.probability:.3f}", Bar(p.probability)) for p in answer]
        parts.append(table((text, "", ""), rows, "lr"))
    data = {text: [p._asdict() for p in answer] for text, answer in answers.items()}
    return "The likeliest words for [MASK]", "\n\n".join(parts), data


def _next_sentence(bert: Bert) -> Section:
    rows = [(f"{a} {b}", f"{bert.next_sentence(a, b):.3f}") for a, b in PAIRS]
    text = table(("two sentences", "the second follows"), rows, "lr")
    return "Next sentence", text, [{"text": row[0], "probability": float(row[1])} for row in rows]


def _classify(bert: Bert) -> Section:
    answers = bert.classify(list(REVIEWS))
    rows = [
        (text, answer.label or "", f"{answer.probability if answer.probability is not None else 0:.3f}")
        for text, answer in zip(REVIEWS, answers, strict=True)
    ]
    data = [answer._asdict() for answer in answers]
    return "Classification", table(("text", "label", "probability"), rows, "llr"), data


def _gradients() -> Section:
    from ..gradcheck import cases as pairs

    rows = pairs.run(("layer_norm", "attention", "encoder_layer"), "complex")
    worst = max(row.error for row in rows)
    passed = all(row.passed for row in rows)
    text = paragraph(
        f"layer norm, attention and an encoder layer, backward by hand against complex step: {len(rows)} tensors, "
        f"largest relative error {worst:.1e}: {'all right' if passed else 'NOT right'}. See: numpy-bert gradcheck"
    )
    return "Gradient checks", text, {"tensors": len(rows), "error": float(worst), "passed": passed}


COMMAND = Command("demo", "Show what a model can do, on real sentences", add_arguments, run, "demo")
