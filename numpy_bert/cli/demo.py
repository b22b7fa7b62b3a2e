"""numpy-bert demo: what a model can do, shown once on real sentences, everything computed then and there.

Masked words, next sentence and sentiment are run on all examples in pretrained/examples/, which the
model was not trained on. The first few are shown, right or wrong, and the hits among all of them are counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command import Command
from .inputs import chosen_model
from .output import paragraph, print_json, table

if TYPE_CHECKING:
    from ..model import Bert

EXAMPLES = Path(__file__).parents[1] / "pretrained" / "examples"
SHOWN = 5  # of the examples, the first ones
SENTENCES = (
    "I liked this movie.",
    "A wonderful film with a great cast.",
    "The plot is dull and the acting is worse.",
    "The train to Berlin leaves at nine.",
)
LABELS = ("negative", "positive")  # of the examples of sentiment

Section = tuple[str, str, Any]  # title, text for people, the same as JSON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes no more than every command does."""


def run(options: argparse.Namespace) -> int:
    return show_all(chosen_model(options), options.json)


def show_all(bert: Bert, as_json: bool) -> int:
    """Print each section as it is ready; returns the exit status."""
    begun = time.perf_counter()
    data: dict[str, Any] = {}
    for title, text, values in sections(bert):
        data[title] = values
        if not as_json:
            print(f"{title}\n\n{text}\n")
    if as_json:
        print_json(data)
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


def examples(name: str) -> list[list[str]]:
    """The rows of a file of examples, split at their tabs."""
    lines = (EXAMPLES / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines]


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
    texts, expected = zip(*examples("cloze"), strict=True)
    answers = [[prediction.token for prediction in answer[0]] for answer in bert.fill_mask(list(texts))]
    hits = [not set(top).isdisjoint(words.split()) for top, words in zip(answers, expected, strict=True)]
    rows = [(text, ", ".join(top)) for text, top in zip(texts, answers, strict=True)]
    text = _with_hits(table(("text", "the likeliest"), rows[:SHOWN]), "an expected word is among the five", hits)
    return "The likeliest words for [MASK]", text, _counted(hits, texts, answers)


def _next_sentence(bert: Bert) -> Section:
    triples = examples("continuations")
    p = bert.next_sentence([(a, b) for a, *both in triples for b in both])
    right, wrong = p[0::2], p[1::2]
    hits = [x > y for x, y in zip(right, wrong, strict=True)]
    rows = [
        (f"{a} | {b}", kind, f"{probability:.3f}")
        for (a, *both), *pair in zip(triples, right, wrong, strict=True)
        for b, kind, probability in zip(both, ("real", "elsewhere"), pair, strict=True)
    ]
    shown = table(("first sentence | second", "second is", "follows"), rows[: 2 * SHOWN], "llr")
    text = _with_hits(shown, "the real next sentence is likelier than one from elsewhere", hits)
    return "Next sentence", text, _counted(hits, triples, list(zip(right, wrong, strict=True)))


def _classify(bert: Bert) -> Section:
    plain, turned = examples("reviews"), examples("sentiment")
    texts = [text for text, _ in plain + turned]
    answers = bert.classify(texts)
    rows = [
        (text, answer.label or "", f"{answer.probability if answer.probability is not None else 0:.3f}")
        for text, answer in zip(texts, answers, strict=True)
    ]
    first = rows[:SHOWN] + rows[len(plain) : len(plain) + SHOWN]
    shown = table(("text", "label", "probability"), first, "llr")
    data: dict[str, Any] = {"texts": texts, "answers": [answer._asdict() for answer in answers]}
    if tuple(bert.config.labels or ()) != LABELS:
        return "Classification", shown, data
    right = [answer.label == label for answer, (_, label) in zip(answers, plain + turned, strict=True)]
    for name, hits in (("plain", right[: len(plain)]), ("with a turn", right[len(plain) :])):
        data[name] = {"hits": sum(hits), "of": len(hits)}
    counts = (
        f"The label is right in {data['plain']['hits']} of {len(plain)} plain reviews, and in "
        f"{data['with a turn']['hits']} of {len(turned)} with a negation or a turn (the first {SHOWN} are shown)."
    )
    return "Classification", f"{shown}\n\n{paragraph(counts)}", data


def _with_hits(shown: str, what: str, hits: list[bool]) -> str:
    """A table of the first examples, and how often the model is right in all of them."""
    return f"{shown}\n\n" + paragraph(
        f"Of {len(hits)} examples, of which the first {SHOWN} are shown, {what} in {sum(hits)}."
    )


def _counted(hits: list[bool], texts: Any, answers: Any) -> dict[str, Any]:
    return {"hits": sum(hits), "of": len(hits), "texts": texts, "answers": answers}


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
