"""Find the bug: every exercise has the bug it says, its answer repairs it, and the command tells both."""

import ast
import json
import re
from pathlib import Path

import pytest
from support import command
from support.mutants import MUTANTS

import numpy_bert
from numpy_bert.exercises import EXERCISES, report, source
from numpy_bert.exercises.definition import LEVELS
from numpy_bert.gradcheck import cases as pairs

ROOT = Path(__file__).parents[2]
FIRST_EDITION = 28  # exercises, ordered by level
NUMBERED = list(enumerate(EXERCISES, 1))
WRONG = Path(numpy_bert.__file__).parent / "exercises" / "wrong"

CASES = {  # by number, with a case in which it shows; people tell each other numbers, so this only grows
    "gradient_in_the_other_layout": "texts",
    "factor_2_forgotten": "rows",
    "tanh_of_tanh": "rows",
    "gradient_to_the_wrong_row": "texts",
    "scale_forgotten": "p = 0.4",
    "relu_backward": "erf",
    "dropout_before_the_head_forgotten": "logits",
    "residual_around_attention_forgotten": "T = 1",
    "missing_softmax_sum": "mask",
    "sum_of_the_upstream_forgotten": "rows",
    "divided_by_all_rows": "ignored labels",
    "repeated_ids_lost": "repeated ids",
    "slope_at_the_result": "erf",
    "gamma_outside_the_sums": "texts",
    "gradient_of_a_product_given_to_the_wrong_factor": "texts",
    "root_of_D_forgotten": "heads, padding",
    "heads_split_without_transposing": "padding",
    "positions_not_summed_over_the_batch": "texts",
    "gradients_in_reverse_order": "padding",
    "nothing_below_the_pooler_learns": "both outputs",
    "start_and_end_exchanged": "loss",
    "length_held_constant": "mean, normalized",
    "cubic_without_its_3": "tanh",
    "gamma_updated_before_its_use": "texts",
    "dropout_and_softmax_undone_in_the_wrong_order": "heads, dropout",
    "residual_through_the_dropout": "dropout, tanh",
    "layer_computed_twice_with_another_mask": "dropout",
    "tied_decoder_overwrites": "masked_lm, tied",
    "mean_over_texts": "several classes",
}
NAMES = list(CASES)


def run(capsys, *arguments):
    return command.run(capsys, "exercise", *arguments)


def refused(capsys, status, *arguments):
    """The one line on stderr of a command that ends with this status."""
    result, out, err = run(capsys, *arguments)
    assert (result, out) == (status, "")
    [line] = err.splitlines()
    return line


def applied(difference, text):
    """The text with a unified diff applied to it, every line of the context compared."""
    lines, result, at = text.splitlines(), [], 0
    for line in difference.splitlines()[2:]:
        if line.startswith("@@"):
            start = int(re.match(r"@@ -(\d+)", line)[1]) - 1
            result += lines[at:start]
            at = start
            continue
        if line[0] in " -":
            assert lines[at] == line[1:]
            at += 1
        if line[0] in " +":
            result.append(line[1:])
    return "\n".join(result + lines[at:]) + "\n"


@pytest.fixture
def in_one_case(monkeypatch):
    """Of each block the case of CASES alone, and by projection: test_mutants.py sees to the others."""
    every = pairs.cases
    wanted = {(exercise.block, CASES[exercise.name]) for exercise in EXERCISES}

    def some(block):
        return {case: pair for case, pair in every(block).items() if (block, case) in wanted}

    monkeypatch.setattr(pairs, "cases", some)
    monkeypatch.setattr(report, "BY_PROJECTION", pairs.names())


# What the exercises are.


def test_numbers_stay():
    assert [exercise.name for exercise in EXERCISES] == NAMES
    assert sorted(NAMES) == sorted(path.stem for path in WRONG.glob("[!_]*.py"))


def test_from_easy_to_hard_through_all_blocks_and_several_tasks():
    levels = [LEVELS.index(exercise.level) for exercise in EXERCISES[:FIRST_EDITION]]
    assert levels == sorted(levels)  # what is added later comes at the end, whatever its level
    covered = {exercise.block for exercise in EXERCISES}
    assert covered >= set(pairs.BLOCKS) | set(pairs.LOSSES)
    assert len(covered & set(pairs.TASKS)) >= 4
    assert {exercise.level for exercise in EXERCISES} == set(LEVELS)


def test_each_is_the_mutant_of_the_catalog():
    """The catalog has no second copy: the function is the same object, and a name occurs once."""
    by_name = {mutant.name: mutant for mutant in MUTANTS}
    for exercise in EXERCISES:
        mutant = by_name[exercise.name.replace("_", " ")]
        assert mutant.backward is exercise.backward
        assert (mutant.block, mutant.wrong, mutant.hint) == (exercise.block, exercise.wrong, exercise.hints[0])
        assert mutant.loss == (exercise.backward.__name__ == "loss_backward")
        if exercise.met:
            assert mutant.seen == exercise.met


def test_each_is_told():
    assert len({exercise.title for exercise in EXERCISES}) == len(EXERCISES)
    for exercise in EXERCISES:
        assert 8 < len(exercise.title) < 50
        for hint in exercise.hints:
            assert 10 < len(hint) < 160
            assert hint[-1] in ".?"
        assert 150 < len(exercise.why) < 600
        assert exercise.wrong[-1] == exercise.why[-1] == "."
        assert (ROOT / source.page(exercise)).is_file()
        assert source.equation(exercise).splitlines()[0]


@pytest.mark.parametrize(("number", "exercise"), NUMBERED, ids=NAMES)
def test_the_text_shown_is_the_function_and_says_nothing_of_the_bug(number, exercise):
    text = source.wrong(exercise)
    parsed = ast.parse(text)
    assert exercise.backward.__name__ in [node.name for node in parsed.body if isinstance(node, ast.FunctionDef)]
    # What was marked (a comment, a name) would give it away; the texts about it are not in the file.
    for word in ("EXERCISE", "wrong", "bug", "mistake", "hint", exercise.name, exercise.title):
        assert word not in text
    for node in parsed.body:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0


@pytest.mark.parametrize(("number", "exercise"), NUMBERED, ids=NAMES)
def test_the_answer_repairs_it_and_nothing_less_does(number, exercise, in_one_case, tmp_path, capsys):
    """As a learner would: written to a file, checked, repaired with the diff of the answer, checked again."""
    mine = tmp_path / "mine.py"
    assert run(capsys, number, "--output", mine)[0] == 0
    assert mine.read_text("utf-8") == source.wrong(exercise)
    status, out, err = run(capsys, number, "--check", mine)
    assert (status, err) == (1, "")
    assert "FAILED" in out
    assert out.endswith("\nNot yet.\n")
    assert CASES[exercise.name] in re.search("Cases that fail: (.*)", out)[1]

    answer = json.loads(run(capsys, number, "--answer", "--json")[1])
    repaired = applied(answer["difference"], mine.read_text("utf-8"))
    assert repaired == source.right(exercise)
    mine.write_text(repaired, "utf-8")
    status, out, err = run(capsys, number, "--check", mine)
    assert (status, err) == (0, "")
    assert "FAILED" not in out
    assert out.endswith("\nRight.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]  # no byte code left beside it


def test_the_right_text_is_that_of_the_package_but_for_docstrings():
    for exercise in EXERCISES:
        module = source.right_module(exercise)
        there = {node.name: node for node in ast.parse(Path(module.__file__).read_text("utf-8")).body if
                 isinstance(node, ast.FunctionDef)}  # fmt: skip
        for node in ast.parse(source.right(exercise)).body:
            if isinstance(node, ast.FunctionDef):
                assert [ast.dump(line) for line in node.body[1:]] == [ast.dump(l) for l in there[node.name].body[1:]]


# The command.


def test_the_list(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    lines = out.splitlines()[1 : len(EXERCISES) + 1]
    assert [line.split()[0] for line in lines] == [str(number) for number, _ in NUMBERED]
    output = json.loads(run(capsys, "--json")[1])
    assert [(row["number"], row["block"], row["title"]) for row in output] == [
        (number, exercise.block, exercise.title) for number, exercise in NUMBERED
    ]
    assert sum(row["met_in_public_code"] for row in output) == sum(bool(exercise.met) for exercise in EXERCISES) == 6


def test_an_exercise_is_shown_with_the_report_of_the_checker(capsys):
    number = NAMES.index("repeated_ids_lost") + 1
    status, out, err = run(capsys, number)
    assert (status, err) == (0, "")
    assert f"Exercise {number} of {len(EXERCISES)}: One line, and NumPy reads it otherwise" in out
    assert "met in public code" in out
    assert "11      dW[ids] += dy" in out
    assert "y_n = W_{ids_n}" in out
    assert re.search(r"^W +6\.1e-01 +FAILED +repeated ids +\[2, 0\]: expected 0\.676633, got -0\.732267$", out, re.M)
    assert "Cases that fail: repeated ids.\nCases that pass: one id; no ids.\n" in out
    exercise = EXERCISES[number - 1]
    assert "numpy-ml" not in out  # where it was met would tell too much
    assert not any(text in out for text in (*exercise.hints, exercise.wrong, exercise.why))
    output = json.loads(run(capsys, number, "--json")[1])
    assert output["code"] == source.wrong(exercise)
    assert output["report"]["passed"] is False
    assert {row["case"] for row in output["report"]["rows"] if not row["passed"]} == {"repeated ids"}


def test_a_side_effect_is_in_the_report(capsys):
    status, out, _ = run(capsys, NAMES.index("gamma_updated_before_its_use") + 1)
    assert status == 0
    assert "expected what it is given to stay as it is, got another cache.gamma after the call" in out


def test_hints_and_answer(capsys):
    number = NAMES.index("relu_backward") + 1
    exercise = EXERCISES[number - 1]
    assert run(capsys, number, "--hint")[1] == run(capsys, number, "--hint", 1)[1] == exercise.hints[0] + "\n"
    assert run(capsys, number, "--hint", 2)[1] == exercise.hints[1] + "\n"
    assert json.loads(run(capsys, number, "--hint", 2, "--json")[1]) == {"number": number, "hint": exercise.hints[1]}
    status, out, _ = run(capsys, number, "--answer")
    assert status == 0
    assert out.startswith("--- wrong\n+++ right\n@@")
    assert exercise.why in out.replace("\n", " ")
    assert "Met in public code: Apache SystemDS, gelu.dml" in out
    assert out.endswith("The derivation: docs/blocks/gelu.md\n")


def test_bad_usage_is_one_line(capsys, tmp_path):
    last = len(EXERCISES)
    assert refused(capsys, 2, last + 1).endswith(f"expected a number from 1 to {last}, got {last + 1}")
    for number in ("0", "x", "1.5", "-1", "٣"):
        assert "numpy-bert: error: " in refused(capsys, 2, number)
    assert "--hint" in refused(capsys, 2, 1, "--hint", 3)
    for option in (["--hint"], ["--answer"], ["--check", "mine.py"], ["--output", "mine.py"]):
        assert f"{option[0]}: expected with the number of an exercise" in refused(capsys, 2, *option)
    assert "not allowed with" in refused(capsys, 2, 1, "--hint", "--answer")
    there = tmp_path / "there.py"
    there.write_text("mine", "utf-8")
    refused(capsys, 1, 1, "--output", there)
    assert there.read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "expected a function backward, got none"),
        ("backward = 3\n", "expected a function backward, got none"),
        ("def backward(:\n", "expected Python, got"),
        ("import there_is_no_such_module\n", "ModuleNotFoundError: "),
        ("raise SystemExit(3)\n", "SystemExit: '3'"),
        ("raise ValueError('two\\nlines')\n", "ValueError: 'two\\nlines'"),
        ("\0", "expected "),
    ],
)
def test_a_file_that_is_no_answer_is_one_line(capsys, tmp_path, text, message):
    mine = tmp_path / "mine.py"
    mine.write_text(text, "utf-8")
    line = refused(capsys, 1, 1, "--check", mine)
    assert "mine.py: " in line
    assert message in line


def test_no_file_is_one_line(capsys, tmp_path):
    assert refused(capsys, 1, 1, "--check", tmp_path / "none.py").endswith("expected a Python file, got nothing there")
    assert refused(capsys, 1, 1, "--check", tmp_path).endswith("expected a Python file, got a folder")


def test_a_loss_asks_for_its_own_function(capsys, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def backward(dy, cache):\n    return dy\n", "utf-8")
    line = refused(capsys, 1, NAMES.index("start_and_end_exchanged") + 1, "--check", mine)
    assert line.endswith("expected a function loss_backward, got none")


def test_a_backward_that_raises_or_returns_nonsense_fails_the_check(capsys, tmp_path):
    mine = tmp_path / "mine.py"
    for body, message in (
        ("raise ZeroDivisionError('here')", "raised ZeroDivisionError: 'here'"),
        ("return None", "got NoneType"),
        ("return dy", "got ndarray"),
    ):
        mine.write_text(f"def backward(dy, cache):\n    {body}\n", "utf-8")
        status, out, err = run(capsys, 1, "--check", mine)
        assert (status, err) == (1, "")
        assert message in out
        status, out, _ = run(capsys, 1, "--check", mine, "--json")
        assert status == 1
        assert json.loads(out)["passed"] is False


def test_every_page_names_its_exercises():
    for number, exercise in enumerate(EXERCISES, 1):
        text = (ROOT / source.page(exercise)).read_text("utf-8")
        assert re.search(rf"numpy-bert\s+exercise\s+{number}`", text), number
