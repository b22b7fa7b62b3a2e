"""The site of the documentation holds every page. docs/build_site.py builds it with Sphinx, which no test needs."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build_site():
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "docs" / "build_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site():
    return build_site()


@pytest.fixture(scope="module")
def staged(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site.stage(folder)
    return folder


def test_every_page_is_in_the_table_of_contents_once(site):
    listed = [page for _, pages in site.contents() for page in pages]
    pages = {page for ending in ("md", "ipynb") for page in site.DOCS.rglob(f"*.{ending}")} - {site.HOME}
    assert set(listed) == pages
    assert len(listed) == len(set(listed))


def test_every_module_has_a_page_in_the_reference(site, staged):
    names = site.modules()
    assert {"numpy_bert", "numpy_bert.model", "numpy_bert.blocks.layer_norm"} <= set(names)
    assert {path.stem for path in (staged / "api").glob("numpy_bert*.md")} == set(names)
    index = (staged / "api" / "index.md").read_text(encoding="utf-8")
    assert "- [numpy_bert.blocks.linear](numpy_bert.blocks.linear.md): `` y = x Wᵀ + b ``\n" in index
    assert index.count("\n- [") == len(names)


def test_the_site_gives_no_answer_of_an_exercise_away(staged):
    """Neither a page nor the list of modules names a mistake; the source of a module is shown with its page alone."""
    for page in (staged / "api").rglob("*.md"):
        assert "exercises.wrong" not in page.name + page.read_text(encoding="utf-8")
    assert not (staged / "api" / "numpy_bert.exercises.md").exists()


def test_links_between_staged_pages_lead_somewhere(staged):
    seen = 0
    for page in staged.rglob("*.md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)
                seen += 1
    assert seen > 100


def test_a_page_links_to_the_reference_of_its_module(staged):
    page = (staged / "blocks" / "layer_norm.md").read_text(encoding="utf-8")
    assert "[`numpy_bert/blocks/layer_norm.py`](../api/numpy_bert.blocks.layer_norm.md)" in page
    assert "\n```{toctree}" not in page
    assert (staged / "index.md").read_text(encoding="utf-8").count("```{toctree}") > 5


def test_a_notebook_becomes_a_page(staged, tmp_path):
    import notebooks  # beside build_site.py, which the fixture has loaded

    png = {"output_type": "display_data", "data": {"image/png": "aGVsbG8=", "text/plain": ["<Figure>"]}}
    printed = {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Walk\n", "text"]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [printed, png]},
    ]
    (tmp_path / "walk.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    notebooks.to_markdown(tmp_path / "walk.ipynb", tmp_path / "site" / "walk.md")
    page = (tmp_path / "site" / "walk.md").read_text(encoding="utf-8")
    assert page.startswith("# Walk\ntext\n\n````python\n1 + 1\n````\n\n````text\nred\n````\n\n![a figure](walk-0.png)")
    assert (tmp_path / "site" / "walk-0.png").read_bytes() == b"hello"


def docstrings():
    spec = importlib.util.spec_from_file_location("docstrings", ROOT / "docs" / "site_parts" / "docstrings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_docstrings_are_shown_as_they_are_written():
    parts = docstrings()
    lines = ["y = x Wᵀ + b,   W (O, I)", "", "A row x_i of |x|, see `linear`.", "- no list", "", "    code_ *here*"]
    assert parts.paragraphs(lines) == [
        *(".. code-block:: text", "", "   y = x Wᵀ + b,   W (O, I)", ""),
        *(r"A row x\_i of \|x\|, see \ ``linear``\ .", r"\- no list", ""),
        *(".. code-block:: text", "", "       code_ *here*", ""),
    ]


def test_the_fields_of_a_record_are_shown_with_their_shapes():
    from numpy_bert.blocks import layer_norm

    parts = docstrings()
    assert parts.is_record(layer_norm.Params)
    assert parts.fields(layer_norm.Params) == ["gamma: Array  # (H,)", "beta: Array  # (H,)"]
    assert parts.skip(None, "class", "gamma", vars(layer_norm.Params)["gamma"], False, None) is True
    assert parts.skip(None, "module", "forward", layer_norm.forward, False, None) is None


def test_signatures_name_what_has_a_name():
    from numpy_bert.blocks import layer_norm

    parts = docstrings()
    arguments = "(x: TypeAliasForwardRef('Array'), eps: float)"
    returned = "tuple[TypeAliasForwardRef('Array'), Cache]"
    shown = parts.signature(None, "function", "forward", layer_norm.forward, None, arguments, returned)
    assert shown == ("(x: Array, eps: float)", "tuple[Array, Cache]")
    assert parts.signature(None, "class", "Params", layer_norm.Params, None, "(gamma, beta)", None) == ("", None)
