"""The measures of SQuAD on the edges of their rules, worked out by hand from the paper and the official scorer."""

import pytest

from numpy_bert.inference import squad_scores


@pytest.mark.parametrize(("answer", "plain"), [
    ("The  Cat.", "cat"),
    ("a.b", "ab"),
    ("an apple a day", "apple day"),
    ("theater", "theater"),
    ("U.S.A.", "usa"),
    ("the-cat", "thecat"),
    ("“quoted”", "“quoted”"),
    ("A", ""),
    ("3,500", "3500"),
])  # fmt: skip
def test_normalized(answer, plain):
    assert squad_scores.normalized(answer) == plain


@pytest.mark.parametrize(("answer", "right", "em", "f1"), [
    ("the Normans", ["Normans"], 1, 1),
    ("Norman", ["Normans"], 0, 0),
    ("in the 10th century", ["10th century", "the 10th"], 0, 0.8),
    ("cat cat dog", ["cat dog dog"], 0, 2 / 3),
    ("", ["cat"], 0, 0),
    ("the", ["a"], 1, 1),
    ("the", ["cat"], 0, 0),
    ("cat", [], 0, 0),
    ("dog", ["cat", "Dog!"], 1, 1),
])  # fmt: skip
def test_measures(answer, right, em, f1):
    assert squad_scores.exact_match(answer, right) == em
    assert squad_scores.f1(answer, right) == pytest.approx(f1)


def official(answers, right, nulls):
    """evaluate-v2.0.py, written down from its description: raw scores, the threshold 0, the best threshold."""
    gold = [[a for a in answers_of_one if squad_scores.normalized(a)] or [""] for answers_of_one in right]
    inputs = [a if n <= 0 else "" for a, n in zip(answers, nulls, strict=True)]
    figures = {}
    for name, score in (("exact_match", squad_scores.exact_match), ("f1", squad_scores.f1)):
        raw = [score(a, answers_of_one) for a, answers_of_one in zip(inputs, gold, strict=True)]
        figures[name] = sum(raw) / len(raw)
        candidates = []
        for t in [-float("inf"), *nulls]:
            at = [a if n <= t else "" for a, n in zip(answers, nulls, strict=True)]
            pairs = zip(at, gold, strict=True)
            candidates.append(
                sum(
                    score(a, answers_of_one) if answers_of_one != [""] else float(a == "")
                    for a, answers_of_one in pairs
                )
                / len(raw)
            )
        figures[f"best_{name}"] = max(candidates)
    return figures


CASES = {
    "edges": (["Berlin", "the", "in York", "no", "x"], [["Berlin"], [], ["York", "in York"], [], ["y"]],
              [-1.0, -2.0, 3.0, 0.5, -0.25]),
    "all refused": (["a dog", "b"], [["dog"], []], [1.0, 2.0]),
    "all given": (["a dog", "b"], [["dog"], []], [-1.0, -2.0]),
    "exactly at the threshold": (["dog", "b"], [["dog"], []], [0.0, 0.0625]),
    "partly right": (["big dog", "cat", "cow"], [["dog"], [], ["old cow"]], [-3.0, 1.0, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_figures_of_squad_2(case):
    figures = squad_scores.measures(*CASES[case])
    for name, value in official(*CASES[case]).items():
        assert figures[name] == pytest.approx(value), name


def test_figures_by_hand_of_squad_2():
    figures = squad_scores.measures(["Berlin", "York"], [["Berlin"], []], [-1.0, 2.0])
    assert [figures[name] for name in ("exact_match", "has_answer_f1", "no_answer_f1", "best_f1")] == [1.0] * 4
    figures = squad_scores.measures(["Berlin", "York"], [["Berlin"], []], [1.0, 2.0])
    assert (figures["exact_match"], figures["has_answer_exact_match"], figures["no_answer_exact_match"]) == (
        0.5,
        0.0,
        1.0,
    )
    assert (figures["best_exact_match"], figures["best_exact_match_threshold"]) == (1.0, 1.0)
