"""The derivation pages, docs/blocks/ and docs/tasks/: one for each module, in one form, and true to the code.

The form: a page quotes the lines that its formulas become in a block marked ```py, which is not executed. Its final
formulas carry names, \\tag{dx}, \\tag{dgamma}; in a block marked ```python a comment `# dx:` begins the lines that
compute the formula and compare it with what the module's backward returns. The tests ask for a tag for every gradient
that the backward returns, and see each comparison fail when that gradient is spoiled.
"""

import functools
import importlib
import re
from pathlib import Path

import pytest

from numpy_bert.gradcheck import cases as pairs
from numpy_bert.gradcheck import contract
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective

ROOT = Path(__file__).parents[2]
FOLDERS = ("blocks", "tasks")
PAGES = sorted(page for folder in (*FOLDERS, "inference") for page in (ROOT / "docs" / folder).glob("*.md"))

FULL = ["What it is for", "The equation", "The gradients", "In the code", "Numerical notes", "By hand", "Exercises"]
WITHOUT_A_BACKWARD = ["What it is for", "The rule", "In the code", "By hand", "Exercises"]
DERIVATIVES = {"normal_cdf": "density"}  # a slope that is no backward, and the function that returns it
ONE_FOR_MANY = {"objective": {head: "head" for head in objective.HEADS}}  # gradients that share one formula

SPOILED = 1.0 + 1e-11  # beyond the 1e-12 that the pages promise

# What GitHub refuses, or takes for Markdown before it is mathematics.
REFUSED_MACROS = ("operatorname", "mbox", "phantom", "newcommand", "def", "label")
MARKDOWN_IN_A_DISPLAY = ("- ", "+ ", "* ", "#", ">", "|")

named = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")


@functools.cache
def text(page):
    return page.read_text(encoding="utf-8")


def module_of(page):
    return importlib.import_module(f"numpy_bert.{page.parent.name}.{page.stem}")


def source_of(page):
    return (ROOT / "numpy_bert" / page.parent.name / f"{page.stem}.py").read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)


def prose(page):
    return re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)


def tags(page):
    return re.findall(r"\\tag\{(.*?)\}", prose(page))


def checked(block):
    """The tags whose checks stand in this block."""
    return re.findall(r"^ *# ([\w.-]+):", block, re.MULTILINE)


def has_a_backward(page):
    module = module_of(page)
    return hasattr(module, "backward") or hasattr(module, "loss_backward")


def gradients(page):
    """Dotted names of all arrays whose gradients the backward of this module returns: "x", "params.gamma"."""
    if page.stem in DERIVATIVES:
        return {DERIVATIVES[page.stem]}
    return {name for pair in pairs.cases(page.stem).values() for name, _ in contract.differentiated(pair.arguments)}


def tags_for(page, name):
    """The tags that a formula for this gradient may have: "params.qkv.W" is told by dqkv or by dqkv.W. MathJax may
    refuse an underscore in a tag, so there a hyphen stands for it.
    """
    if page.stem in DERIVATIVES:
        return [name]
    argument, *rest = name.split(".")
    parts = rest if argument in ("params", "encoded") else [argument, *rest]
    parts[0] = ONE_FOR_MANY.get(page.stem, {}).get(parts[0], parts[0])
    return ["d" + ".".join(parts[: i + 1]).replace("_", "-") for i in range(len(parts))]


# The form.


def test_every_module_has_its_page_and_every_page_its_module():
    for folder in FOLDERS:
        modules = {path.stem for path in (ROOT / "numpy_bert" / folder).glob("*.py")} - {"__init__"}
        assert {page.stem for page in PAGES if page.parent.name == folder} == modules


@named
def test_a_page_has_its_sections_in_order(page):
    lines = prose(page).splitlines()
    assert re.fullmatch(r"# \S.*", lines[0])
    assert lines[2] == f"`numpy_bert/{page.parent.name}/{page.stem}.py`"
    full = has_a_backward(page) or page.stem in DERIVATIVES
    assert re.findall(r"^## (.*)$", prose(page), re.MULTILINE) == (FULL if full else WITHOUT_A_BACKWARD)
    assert prose(page).count("<details>") == prose(page).count("</details>") >= 1


@named
def test_quoted_lines_are_lines_of_the_module(page):
    source = [line.strip() for line in source_of(page).splitlines()]
    quoted = [line.strip() for block in blocks(page, "py") for line in block.splitlines() if line.strip()]
    assert quoted
    for line in quoted:
        assert line in source, line


@named
def test_every_tag_is_checked_and_every_gradient_has_a_tag(page):
    result = tags(page)
    checks = [tag for block in blocks(page, "python") for tag in checked(block)]
    assert len(result) == len(set(result))
    assert not any("_" in tag for tag in result)
    assert sorted(result) == sorted(checks)
    if not has_a_backward(page) and page.stem not in DERIVATIVES:
        return
    assert result
    for name in gradients(page):
        assert set(result) & set(tags_for(page, name)), name


@named
def test_its_mathematics_is_read_as_such_by_a_code_host(page):
    displays = re.findall(r"^\$\$\n(.*?)^\$\$$", prose(page), re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^\$\$\n.*?^\$\$$", "", prose(page), flags=re.DOTALL | re.MULTILINE)
    rest = re.sub(r"`[^`\n]*`", "code", rest)
    inline = re.findall(r"\$([^$]*)\$", rest)
    assert rest.count("$") == 2 * len(inline)
    for formula in displays:
        assert not any(line == "" or line.startswith(MARKDOWN_IN_A_DISPLAY) for line in formula.splitlines()), formula
    for formula in displays + inline:
        assert not set(re.findall(r"\\([a-zA-Z]+)", formula)) & set(REFUSED_MACROS), formula
    for formula in inline:
        assert formula == formula.strip() != "", formula
        assert not re.search(r"\\[^a-zA-Z]", formula), formula  # Markdown takes the backslash away
        assert not re.search(r"(^|[^\w}])_", formula), formula  # here an underscore could begin emphasis
        assert "*" not in formula, formula
    assert not re.search(r"\$\w[^$]*\w\$[a-zA-Z0-9]", rest)  # a closing sign in a word does not close
    for row in re.findall(r"^\|.*$", rest, re.MULTILINE):
        assert not any("|" in formula for formula in re.findall(r"\$([^$]*)\$", row)), row


# What it says is true.


@functools.cache
def compiled(block):
    return compile(block, "page", "exec")


def run(block):
    exec(compiled(block), {})


@named
def test_its_programs_run(page):
    assert blocks(page, "python")
    for block in blocks(page, "python"):
        run(block)


def spoil(page, pair, tag, returned):
    """The gradients that a backward of this pair returned, those that the tag is about a hair too large."""
    first = dict.fromkeys(name.partition(".")[0] for name, _ in contract.differentiated(pair.arguments))
    roots = (returned,) if len(first) == 1 else returned

    def leaf(name, gradient):
        return gradient * SPOILED if tag in tags_for(page, name) else gradient

    spoiled = [tree.map_named(leaf, root, name=name) for name, root in zip(first, roots, strict=True)]
    return spoiled[0] if len(first) == 1 else tuple(spoiled)


def _functions(backward):
    """A backward, and what it is a partial of."""
    return backward, getattr(backward, "func", backward)


def unnoticed(page, monkeypatch):
    """The tags whose check passes though the code returns something else."""
    module = module_of(page)
    about_gradients = {tag for name in gradients(page) for tag in tags_for(page, name)}
    passed = []
    for tag in set(tags(page)) & about_gradients:
        with monkeypatch.context() as patch:
            for function in ("backward", "loss_backward", DERIVATIVES.get(page.stem, "")):
                right = getattr(module, function, None)
                if right is None:
                    continue
                if page.stem in DERIVATIVES:
                    patch.setattr(module, function, lambda x, right=right: right(x) * SPOILED)
                    continue
                of_it = [pair for pair in pairs.cases(page.stem).values() if right in _functions(pair.backward)]

                def wrong(*arguments, right=right, of_it=of_it, tag=tag):
                    return spoil(page, of_it[0], tag, right(*arguments))

                patch.setattr(module, function, wrong)
            for block in blocks(page, "python"):
                if tag in checked(block):
                    try:
                        run(block)
                    except AssertionError:
                        break
            else:
                passed.append(tag)
    return passed


@named
def test_a_gradient_that_is_a_hair_too_large_is_noticed(page, monkeypatch):
    """A check that compares nothing, or not to 1e-12, would pass."""
    if has_a_backward(page) or page.stem in DERIVATIVES:
        assert unnoticed(page, monkeypatch) == []


def test_a_wrong_formula_would_be_noticed():
    page = ROOT / "docs" / "blocks" / "layer_norm.md"
    [block] = [block for block in blocks(page, "python") if "dx" in checked(block)]
    for right, wrong in (("delta - 1 / H -", "delta -"), ('"i,ni,nij->nj", gamma, dy', '"j,ni,nij->nj", gamma, dy')):
        assert block.count(right) == 1
        with pytest.raises(AssertionError):
            run(block.replace(right, wrong))
