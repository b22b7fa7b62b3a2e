"""The commands that ask a head of the model: fill-mask, next-sentence, classify, tag, answer, choose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import from_file
from .command import Command
from .inputs import add_plain, chosen_model, short
from .numbers import count, signed
from .output import Bar, bar, print_result, table

if TYPE_CHECKING:
    from ..corpus.text_rows import Row
    from ..inference.outputs import Classification


def _dicts(results: Sequence[Any]) -> list[dict[str, Any]]:
    return [result._asdict() for result in results]


def _add_fill_mask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="a text with one or more [MASK] in it")
    from_file.add_input(parser)
    parser.add_argument("--top-k", type=count, default=5, metavar="K", help="tokens to show for each (default: 5)")


def _fill_mask(options: argparse.Namespace) -> int:
    source, bert = from_file.read_input(options, options.text), chosen_model(options)
    if source:
        return source.answer(
            lambda texts, progress: bert.fill_mask(texts, options.top_k, progress=progress),
            lambda masks: list(map(_dicts, masks)),
            ("text", "[MASK]", "token", "probability"),
            lambda row, masks: [
                (short(row.texts[0]) if (i, k) == (0, 0) else "", i + 1, p.token, f"{p.probability:.4f}")
                for i, mask in enumerate(masks)
                for k, p in enumerate(mask)
            ],
            "lrlr",
        )
    masks = bert.fill_mask(options.text, options.top_k)
    parts = []
    for number, mask in enumerate(masks, 1):
        rows = [(p.token, f"{p.probability:.4f}", Bar(p.probability)) for p in mask]
        title = f"[MASK] {number}\n" if len(masks) > 1 else ""
        parts.append(title + table(("token", "probability", ""), rows, "lr"))
    return print_result(options.json, list(map(_dicts, masks)), "\n\n".join(parts))


def _add_next_sentence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", nargs="?", metavar="A", help="the first sentence")
    parser.add_argument("b", nargs="?", metavar="B", help="the sentence that may follow it")
    from_file.add_input(parser, pair=True, column="first sentence")
    add_plain(parser)


def _next_sentence(options: argparse.Namespace) -> int:
    source, bert = from_file.read_input(options, options.a, options.b, is_pair=True), chosen_model(options)
    if source:
        return source.answer(
            bert.next_sentence,
            lambda probability: {"probability": probability},
            ("A", "B", "B follows A"),
            lambda row, probability: [(*map(short, row.texts), f"{probability:.4f}")],
            "llr",
        )
    probability = bert.next_sentence(options.a, options.b)
    text = f"probability that B follows A: {probability:.4f}  {bar(probability)}"
    return print_result(options.json, {"probability": probability}, text)


def _add_classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", metavar="TEXT", help="texts, each in quotation marks; pairs with --pair")
    parser.add_argument("--pair", action="store_true", help="each text and the one after it are a pair")
    from_file.add_input(parser, pair=True)
    add_plain(parser)


def _classify(options: argparse.Namespace) -> int:
    source = from_file.read_input(options, options.text, is_pair=options.pair)
    source = source or from_file.Input(from_file.arguments(options.text, options.pair), None, options.json)
    bert = chosen_model(options)
    problem = bert.config.problem
    header: tuple[str, ...] = ("text", "probabilities" if problem != "regression" else "values")
    right = "ll"
    if problem == "single_label_classification":
        header, right = ("text", "label", "probability"), "llr"
    elif problem == "regression" and bert.config.num_labels == 1:
        header, right = ("text", "value"), "lr"

    def cells(row: Row, answer: Classification) -> list[Sequence[object]]:
        text = " | ".join(map(short, row.texts))
        if len(header) == 3:
            return [(text, answer.label or "", f"{answer.probability:.4f}")]
        return [(text, f"{answer.scores['value']:.4f}" if right == "lr" else _scores(answer))]

    return source.answer(bert.classify, lambda answer: answer._asdict(), header, cells, right)


def _scores(answer: Classification) -> str:
    """The values of a regression; of several classes those that are likelier than not, but at least one."""
    scores = sorted(answer.scores.items(), key=lambda score: -score[1]) if answer.label else list(answer.scores.items())
    listed = [score for i, score in enumerate(scores) if i == 0 or not answer.label or score[1] > 0.5]
    return ", ".join(f"{name} {value:.4f}" for name, value in listed)


def _add_tag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text")
    names = ("none", "simple", "first", "average", "max", "words")
    strategy = "how tokens become words and entities (default: first)"
    parser.add_argument("--aggregation-strategy", choices=names, default="first", metavar="NAME", help=strategy)
    from_file.add_input(parser)
    add_plain(parser)


def _tag(options: argparse.Namespace) -> int:
    source, bert = from_file.read_input(options, options.text), chosen_model(options)
    header = ("entity", "label", "characters", "probability")

    def cells(entities: Sequence[Any]) -> list[tuple[str, ...]]:
        return [(e.text, e.label, f"{e.start}-{e.end}", f"{e.probability:.4f}") for e in entities]

    if source:
        return source.answer(
            lambda texts, progress: bert.tag(texts, options.aggregation_strategy, progress=progress),
            _dicts,
            ("text", *header),
            lambda row, entities: [(short(row.texts[0]), *entity) for entity in cells(entities)],
            "llllr",
        )
    entities = bert.tag(options.text, options.aggregation_strategy)
    return print_result(options.json, _dicts(entities), table(header, cells(entities), "lllr"))


def _add_answer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="the question")
    parser.add_argument("context", nargs="?", metavar="CONTEXT", help="the text that holds the answer")
    from_file.add_input(parser, pair=True, column="questions")
    parser.add_argument("--top-k", type=count, default=1, metavar="K", help="answers to show (default: 1)")
    threshold = "margin by which the score of no answer must exceed that of the best one (default: as trained)"
    parser.add_argument("--threshold", type=signed, metavar="X", help=threshold)
    add_plain(parser)


def _answer(options: argparse.Namespace) -> int:
    source, bert = from_file.read_input(options, options.question, options.context, is_pair=True), chosen_model(options)
    if source:
        return source.answer(
            lambda pairs, progress: bert.answer(
                pairs, top_k=options.top_k, threshold=options.threshold, progress=progress
            ),
            _dicts,
            ("question", "answer", "characters", "probability"),
            lambda row, answers: [
                (short(row.texts[0]), short(a.text), f"{a.start}-{a.end}", f"{a.probability:.4f}") for a in answers
            ],
            "lllr",
        )
    answers = bert.answer(options.question, options.context, options.top_k, threshold=options.threshold)
    rows = [
        (a.text or "no answer", f"{a.start}-{a.end}" if a.text else "", f"{a.probability:.4f}", f"{a.score:.3f}")
        for a in answers
    ]
    text = table(("answer", "characters", "probability", "score"), rows, "llrr")
    return print_result(options.json, _dicts(answers), text)


def _add_choose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="how the text begins")
    parser.add_argument("choice", nargs="*", metavar="CHOICE", help="ways in which it may continue")
    rows = 'read from a file, JSON lines: {"prompt": text, "choices": [texts]}'
    parser.add_argument("--input", metavar="FILE", help=rows)
    add_plain(parser)


def _choose(options: argparse.Namespace) -> int:
    source, bert = from_file.read_input(options, options.prompt, options.choice), chosen_model(options)
    if source:
        return source._replace(rows=from_file.choices(options.input)).answer(
            bert.choose,
            lambda choice: choice._asdict(),
            ("prompt", "choice", "probability"),
            lambda row, choice: [(short(row.texts[0]), choice.text, f"{choice.probability:.4f}")],
            "llr",
        )
    choice = bert.choose(options.prompt, options.choice)
    rows = [
        ("->" if i == choice.best else "", text, f"{p:.4f}", Bar(p))
        for i, (text, p) in enumerate(zip(options.choice, choice.probabilities, strict=True))
    ]
    return print_result(options.json, choice._asdict(), table(("", "choice", "probability", ""), rows, "llr"))


COMMANDS = (
    Command(
        "fill-mask",
        "Predict the token at each [MASK] of a text",
        _add_fill_mask,
        _fill_mask,
        'fill-mask "The film was one of the [MASK] of the year."',
    ),
    Command(
        "next-sentence",
        "Predict whether sentence B follows sentence A",
        _add_next_sentence,
        _next_sentence,
        'next-sentence "The war began in 1939." "It ended six years later."',
    ),
    Command(
        "classify",
        "Predict the class of each text",
        _add_classify,
        _classify,
        'classify "I liked this movie." "The plot is dull."',
    ),
    Command(
        "tag",
        "Find the named entities of a text",
        _add_tag,
        _tag,
        'tag "Angela Merkel spoke in Paris." --model FOLDER',
    ),
    Command(
        "answer",
        "Find the span of a context that answers a question",
        _add_answer,
        _answer,
        'answer "Where is Fuji?" "Mount Fuji is in Japan." --model FOLDER',
    ),
    Command(
        "choose",
        "Choose the best continuation of a prompt",
        _add_choose,
        _choose,
        'choose "He put the cake" "in the oven." "in his ear." --model FOLDER',
    ),
)
