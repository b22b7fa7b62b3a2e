"""Statements about a film whose sentiment depends on a negation, a contrast or an expectation, made by a small grammar.

heads.py reads some in each step. In reviews such sentences are rare, and a model that counts good and bad words
gets most of the others right.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def words(text: str) -> list[str]:
    return text.split("|")


THINGS = words(
    "the film|the movie|this film|this movie|the plot|the acting|the story|the ending|the dialogue|the cast|the script|"
    "the sequel|the show|the book|the performance|the direction|the second half|the whole thing|the humor|the play|it"
)
GOOD = words(
    "good|great|wonderful|funny|clever|moving|charming|beautiful|exciting|original|convincing|brilliant|enjoyable|"
    "fresh|touching|entertaining|memorable|fascinating|lovely|impressive|worth seeing|a success|a masterpiece|"
    "a pleasure"
)
BAD = words(
    "bad|boring|dull|terrible|stupid|silly|slow|tedious|awful|predictable|annoying|weak|painful|empty|ugly|clumsy|"
    "disappointing|forgettable|ridiculous|tiresome|horrible|a failure|a mess|a waste of time"
)
VIRTUES = words("charm|humor|heart|tension|grace|depth|magic|energy|warmth|imagination|style|feeling")
VICES = words("dull moments|cheap tricks|false notes|wasted scenes|clichés|bad jokes|mistakes|boring parts")
LIKE = words("liked|loved|enjoyed|admired")
HATE = words("hated|disliked|regretted")
PRESENT = {
    "liked": "like",
    "loved": "love",
    "enjoyed": "enjoy",
    "admired": "admire",
    "hated": "hate",
    "disliked": "dislike",
    "regretted": "regret",
}
MUCH = ["", "", "very ", "really ", "quite ", "so ", "simply "]
ENDS = [" .", " .", " !", ""]
ADJECTIVE_SHARE, VERB_SHARE = 0.6, 0.15  # of the statements

# {s} and {o} are things, {m} is an adverb or nothing; {a} and {a2} are adjectives of one side, {b} is one of the other.
# The label of a statement is that of {a} where the template says True, and the opposite one where it says False.
ADJECTIVES = [
    (True, "{s} is {m}{a}"),
    (True, "{s} was {m}{a}"),
    (True, "i think {s} is {a}"),
    (True, "i found {s} {m}{a}"),
    (True, "{s} is always {a}"),
    (True, "{s} never stops being {a}"),
    (True, "{s} could not be more {a}"),
    (True, "{s} is nothing if not {a}"),
    (False, "{s} is not {a}"),
    (False, "{s} isn't {a}"),
    (False, "{s} is not {a} at all"),
    (False, "{s} was not {m}{a}"),
    (False, "{s} wasn't {a}"),
    (False, "{s} is never {a}"),
    (False, "{s} is hardly {a}"),
    (False, "{s} is far from {a}"),
    (False, "{s} is anything but {a}"),
    (False, "{s} is by no means {a}"),
    (False, "{s} is neither {a} nor {a2}"),
    (False, "nobody would call {s} {a}"),
    (False, "i can't say that {s} is {a}"),
    (False, "i don't think {s} is {a}"),
    (False, "i did not find {s} {a}"),
    (False, "nothing about {s} is {a}"),
    (False, "{s} is no longer {a}"),
    (False, "who says that {s} is {a} has not seen it"),
    (False, "they told me that {s} was {a} , and it was not"),
    (False, "i had heard that {s} was {a} , but it isn't"),
    (False, "i was sure that {s} would be {a} , and i was mistaken"),
    (True, "i expected {s} to be {b} , but it was {a}"),
    (True, "i thought {s} would be {b} , and it turned out {a}"),
    (True, "the critics called {s} {b} , i call it {a}"),
    (True, "{s} should have been {b} , but it is {a}"),
    (True, "{s} looks {b} and is {a}"),
    (True, "{s} begins {b} and becomes {a}"),
    (True, "although {o} is {b} , {s} is {m}{a}"),
    (True, "even though {o} is {b} , i found {s} {a}"),
    (True, "{o} may be {b} , but {s} is {a}"),
    (True, "{o} is {b} , yet {s} is {m}{a}"),
    (True, "{s} is not {b} but {a}"),
    (True, "{s} is not {b} , it is {a}"),
    (True, "{s} sounds {b} , however it is {m}{a}"),
    (True, "instead of being {b} , {s} is {a}"),
    (True, "{s} is {a} , not {b}"),
    (True, "i had hoped for something {b} and saw something {a}"),
    (True, "{s} is {a} in spite of {o}"),
]
# {v} is a verb of one side, {u} one of the other, {v1} and {u1} are their present tense. Labels as before, by {v}.
VERBS = [
    (True, "i {v} {s}"),
    (True, "i really {v} {s}"),
    (True, "everybody {u} {s} , but i {v} it"),
    (True, "i thought i would {u1} {s} , but i {v} it"),
    (True, "i wanted to {u1} {s} , and in the end i {v} it"),
    (True, "they {u} {s} . i {v} it"),
    (True, "although my friends {u} {s} , i {v} it"),
    (False, "i did not {v1} {s}"),
    (False, "i didn't {v1} {s} at all"),
    (False, "i never {v} {s}"),
    (False, "nobody {v} {s}"),
    (False, "i don't know anyone who {v} {s}"),
    (False, "i expected to {v1} {s} , and did not"),
    (False, "i could not {v1} {s}"),
    (False, "it is impossible to {v1} {s}"),
]
# {g} and {g2} are virtues, {f} are vices. The label is the template's own: True is positive.
NOUNS = [
    (True, "{s} is full of {g}"),
    (True, "{s} has {g}"),
    (False, "{s} has no {g}"),
    (False, "{s} lacks {g}"),
    (False, "there is no {g} in {s}"),
    (False, "there is not much {g} in {s}"),
    (False, "{s} is without {g}"),
    (False, "i looked for {g} in {s} and saw none"),
    (False, "{s} has {g2} but no {g}"),
    (True, "{s} has no {f}"),
    (True, "there are no {f} in {s}"),
    (True, "{s} is free of {f}"),
    (True, "{s} has its {f} , but also {g}"),
    (False, "{s} has some {g} , but too many {f}"),
    (False, "{s} is full of {f}"),
    (True, "{s} has {f} , but i did not mind"),
    (False, "for all its {g} , {s} does not work"),
    (True, "for all its {f} , {s} works"),
    (False, "no amount of {g} could rescue {s}"),
    (True, "not one of the {f} could spoil {s}"),
    (True, "you will not be sorry that you saw {s}"),
    (False, "you will be sorry that you saw {s}"),
    (True, "i would see {s} again"),
    (False, "i would not see {s} again"),
    (True, "i can recommend {s}"),
    (False, "i cannot recommend {s}"),
    (False, "nothing in {s} made me laugh"),
    (True, "everything in {s} made me laugh"),
    (True, "nothing in {s} is out of place"),
    (False, "everything in {s} is out of place"),
    (True, "do not miss {s}"),
    (False, "do not watch {s}"),
    (True, "i did not want {s} to end"),
    (False, "i could not wait for {s} to end"),
    (True, "i had no problem with {s}"),
    (False, "i had a problem with {s}"),
    (True, "{s} did not disappoint me"),
    (False, "{s} disappointed me"),
    (False, "{s} did not impress me"),
    (True, "{s} impressed me"),
    (True, "i was not bored by {s} for a second"),
    (False, "i was bored by {s}"),
]


def statement(rng: np.random.Generator) -> tuple[str, bool]:
    """A statement, and whether it is positive."""
    kind, positive = rng.random(), bool(rng.random() < 0.5)
    s, o = choose(THINGS, rng), choose(THINGS[:-1], rng)
    if kind < ADJECTIVE_SHARE:
        same, template = choose(ADJECTIVES, rng)
        side, other = (GOOD, BAD) if positive == same else (BAD, GOOD)
        a, a2, b = choose(side, rng), choose(side, rng), choose(other, rng)
        m = "" if " " in a else choose(MUCH, rng)
        text = template.format(s=s, o=o, a=a, a2=a2, b=b, m=m)
    elif kind < ADJECTIVE_SHARE + VERB_SHARE:
        same, template = choose(VERBS, rng)
        side, other = (LIKE, HATE) if positive == same else (HATE, LIKE)
        v, u = choose(side, rng), choose(other, rng)
        text = template.format(s=s, v=v, u=u, v1=PRESENT[v], u1=PRESENT[u])
    else:
        positive, template = choose(NOUNS, rng)
        g, g2, f = choose(VIRTUES, rng), choose(VIRTUES, rng), choose(VICES, rng)
        text = template.format(s=s, g=g, g2=g2, f=f)
    return text + choose(ENDS, rng), positive


def choose(items: list[Any], rng: np.random.Generator) -> Any:
    return items[rng.integers(len(items))]
