"""The commands that ask a head of the model: fill-mask, next-sentence, classify, tag, answer, choose."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .command import Command
from .inputs import add_plain, add_texts, chosen_model, read_texts, short
from .numbers import count, signed
from .output import Bar, bar, print_json, table
from .progress import Progress

if TYPE_CHECKING:
    from ..inference.outputs import Classification


def _add_fill_mask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="a text with one or more [MASK] in it")
    parser.add_argument("--top-k", type=count, default=5, metavar="K", help="tokens to show for each (default: 5)")


def _fill_mask(options: argparse.Namespace) -> int:
    answers = chosen_model(options).fill_mask(options.text, options.top_k)
    if options.json:
        print_json([[prediction._asdict() for prediction in answer] for answer in answers])
        return 0
    for number, answer in enumerate(answers, 1):
        if len(answers) > 1:
            print(f"[MASK] {number}")
        rows = [(p.token, f"{p.probability:.4f}", Bar(p.probability)) for p in answer]
        print(table(("token", "probability", ""), rows, "lr") + ("\n" if number < len(answers) else ""))
    return 0


def _add_next_sentence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="the first sentence")
    parser.add_argument("b", metavar="B", help="the sentence that may follow it")
    add_plain(parser)


def _next_sentence(options: argparse.Namespace) -> int:
    probability = chosen_model(options).next_sentence(options.a, options.b)
    if options.json:
        print_json({"probability": probability})
    else:
        print(f"probability that B follows A: {probability:.4f}  {bar(probability)}")
    return 0


def _add_classify(parser: argparse.ArgumentParser) -> None:
    add_texts(parser)
    add_plain(parser)


def _classify(options: argparse.Namespace) -> int:
    texts = read_texts(options.text, options.input)
    bert = chosen_model(options)
    with Progress(len(texts), "text", hidden=options.json) as progress:
        answers = bert.classify(texts, progress=progress.update)
    if options.json:
        for answer in answers:
            print_json(answer._asdict())
        return 0
    named = list(zip(map(short, texts), answers, strict=True))
    problem = bert.config.problem
    if problem == "single_label_classification":
        rows = [(text, answer.label or "", f"{answer.probability:.4f}") for text, answer in named]
        print(table(("text", "label", "probability"), rows, "llr"))
    elif problem == "regression" and bert.config.num_labels == 1:
        print(table(("text", "value"), [(text, f"{answer.scores['value']:.4f}") for text, answer in named], "lr"))
    else:
        header = "values" if problem == "regression" else "probabilities"
        print(table(("text", header), [(text, _scores(answer)) for text, answer in named], "ll"))
    return 0


def _scores(answer: Classification) -> str:
    """The values of a regression; of several classes those that are likelier than not, but at least one."""
    scores = sorted(answer.scores.items(), key=lambda score: -score[1]) if answer.label else list(answer.scores.items())
    listed = [score for i, score in enumerate(scores) if i == 0 or not answer.label or score[1] > 0.5]
    return ", ".join(f"{name} {value:.4f}" for name, value in listed)


def _add_tag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="the text")
    names = ("none", "simple", "first", "average", "max", "words")
    strategy = "how tokens become words and entities (default: first)"
    parser.add_argument("--aggregation-strategy", choices=names, default="first", metavar="NAME", help=strategy)
    add_plain(parser)


def _tag(options: argparse.Namespace) -> int:
    entities = chosen_model(options).tag(options.text, options.aggregation_strategy)
    if options.json:
        print_json([entity._asdict() for entity in entities])
    else:
        rows = [(e.text, e.label, f"{e.start}-{e.end}", f"{e.probability:.4f}") for e in entities]
        print(table(("entity", "label", "characters", "probability"), rows, "lllr"))
    return 0


def _add_answer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="QUESTION", help="the question")
    parser.add_argument("context", metavar="CONTEXT", help="the text in which the answer stands")
    parser.add_argument("--top-k", type=count, default=1, metavar="K", help="answers to show (default: 1)")
    threshold = "by how much the score of no answer must exceed the best one's for none (default: as trained)"
    parser.add_argument("--threshold", type=signed, metavar="X", help=threshold)
    add_plain(parser)


def _answer(options: argparse.Namespace) -> int:
    bert = chosen_model(options)
    answers = bert.answer(options.question, options.context, options.top_k, threshold=options.threshold)
    if options.json:
        print_json([answer._asdict() for answer in answers])
    else:
        rows = [
            (a.text or "no answer", f"{a.start}-{a.end}" if a.text else "", f"{a.probability:.4f}", f"{a.score:.3f}")
            for a in answers
        ]
        print(table(("answer", "characters", "probability", "score"), rows, "llrr"))
    return 0


def _add_choose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar="PROMPT", help="how the text begins")
    parser.add_argument("choice", nargs="+", metavar="CHOICE", help="ways in which it may continue")
    add_plain(parser)


def _choose(options: argparse.Namespace) -> int:
    choice = chosen_model(options).choose(options.prompt, options.choice)
    if options.json:
        print_json(choice._asdict())
    else:
        rows = [
            ("->" if i == choice.best else "", text, f"{p:.4f}", Bar(p))
            for i, (text, p) in enumerate(zip(options.choice, choice.probabilities, strict=True))
        ]
        print(table(("", "choice", "probability", ""), rows, "llr"))
    return 0


COMMANDS = (
    Command(
        "fill-mask",
        "Predict the token behind each [MASK] of a text",
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
