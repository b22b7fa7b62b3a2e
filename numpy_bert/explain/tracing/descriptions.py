"""What an array of a trace is, for the explorer: its axes, a sentence, and whether it is a gradient (contents.py)."""

from __future__ import annotations

from typing import NamedTuple

from .contents import CONTENTS
from .manifest import Asked
from .recorder import Call

LEADING = {0: "", 1: "N", 2: "B T", 3: "B A T"}  # "..." by the number of axes that it stands for
WORD = {
    "B": "",
    "T": "token",
    "U": "key",
    "A": "head",
    "M": "asked",
    "R": "row",
    "C": "column",
    "3": "part",
}

Axes = tuple[str, str, str]


class Description(NamedTuple):
    axes: Axes  # what the tables, the rows and the columns of the shown array stand for; "" for an axis of length 1
    sentence: str
    is_gradient: bool


def describe(shape: tuple[int, ...], variable: str, call: Call | None, asked: Asked) -> Description:
    """What an array of a trace is. An axis is "token", "key", "asked" (masked), "head", "component", "row" or
    "column". variable: its name within its call, or the name of a parameter's gradient where there is no call.
    """
    if call is None:
        name = variable.removeprefix("gradients.")
        sentence = f"Gradient of the loss with respect to the parameter {name}."
        return Description(("", "row" if len(shape) > 1 else "", "column"), sentence, True)
    text, is_gradient = entry(call.module, variable, call.function.endswith("backward"))
    letters, _, words = text.partition(": ") if ": " in text else ("...", "", text)
    if is_gradient and not words.startswith("gradient"):
        words = f"gradient of the loss with respect to: {words}"
    sentence = f"{words[:1].upper()}{words[1:]}." if words else ""
    return Description(_axes(shape, letters.split(), asked), sentence, is_gradient)


def entry(module: str, variable: str, backward: bool) -> tuple[str, bool]:
    """The entry of an array and whether it is a gradient; "" for what is not described."""
    contents = CONTENTS.get(module, {})
    if backward and variable.startswith("d"):
        return contents.get(variable) or contents.get(variable[1:]) or "", True
    return contents.get(variable, ""), False


def _axes(shape: tuple[int, ...], letters: list[str], asked: Asked) -> Axes:
    if letters and letters[0] == "...":
        rest = letters[1:] or ["H"]
        letters = LEADING.get(len(shape) - len(rest), "").split() + rest
    if len(letters) != len(shape):  # a block that has been changed since its arrays were described
        letters = ["H"] * len(shape)
    T = len(asked.tokens)
    words = []
    for letter, size in zip(letters, shape, strict=True):
        word = WORD.get(letter, "component")
        if letter == "N":
            word = "token" if size == T else "asked" if size == len(asked.outputs) else "row"
        if letter == "n" and letters[:-1] == ["B", "A", "T"]:
            word = "key"
        words.append(word if size > 1 or word == "component" else "")
    while len(words) > 2 and shape[len(shape) - len(words)] == 1:
        words.pop(0)
    words = [""] * (2 - len(words)) + words
    tables = [word for word in words[:-2] if word]
    return "token × Q, K, V" if len(tables) > 1 else "".join(tables), words[-2], words[-1]
