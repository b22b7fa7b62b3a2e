"""What README and docs say: code blocks run, links and named files are there."""

import re
from pathlib import Path

import numpy as np
import pytest
from support.tiny import tiny_bert

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]  # folders run in test_docs_derivations.py


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_named_files_are_there(page):
    for name in re.findall(r"`((?:numpy_bert|tests|docs|benchmarks)/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_programs_run(page, tmp_path, monkeypatch, capsys):
    """Every block that imports what it uses. A path to a model in it stands for a tiny one."""
    folder = tiny_bert().save(tmp_path / "model")
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if "import" in block:
            exec(re.sub(r'"path/to/[^"]*"', repr(str(folder)), block), {})


def test_the_picture_of_the_explorer_is_made_by_the_command_of_its_caption():
    script = (ROOT / "docs" / "figures" / "make_explorer.py").read_text(encoding="utf-8")
    [command] = re.findall(r"^COMMAND = '(.*)'$", script, re.MULTILINE)
    [caption] = re.findall(r"explorer.png\).*?\n\n`(.*?)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert command == caption


def test_the_tour_of_the_readme_runs(tmp_path, monkeypatch):
    """Each line of the tour, with names for what it leaves open."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [tour] = re.findall(r"## A tour\n\n```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {
        "bert": tiny_bert(labels=("O", "B-x", "I-x")),
        "texts": ["good", "it rains"],
        "queries": ["a good film"],
        "corpus": ["it rains", "the movie was good"],
        "query": "a good film",
        "documents": ["it rains", "the movie was good"],
        "a": "it rains",
        "b": "good",
        "text": "the train to berlin",
        "question": "was it good",
        "context": "the movie was good",
        "prompt": "i liked",
        "choices": ["this movie", "the train"],
        "token_ids": np.array([[2, 5, 3]]),
        "segment_ids": np.array([[0, 0, 0]]),
        "attention_mask": np.array([[1, 1, 1]]),
        "ids": np.array([[2, 5, 3]]),
        "labels": np.array([[-100, 5, -100]]),
    }
    lines = [line for line in tour.splitlines() if line.strip()]
    assert len(lines) > 10
    for line in lines:
        exec(line, names)


@pytest.mark.parametrize("block", ["layer_norm", "attention"])
def test_the_readme_shows_the_block_whole(block):
    """Every line of both passes that is no docstring and no signature, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    source = (ROOT / f"numpy_bert/blocks/{block}.py").read_text(encoding="utf-8")
    passes = re.sub(r'""".*?"""', "", source[source.index("def forward(") :], flags=re.DOTALL)
    lines = [line for line in passes.splitlines() if line.strip() and not line.startswith("def ")]
    shown = re.findall(r"```python\n(def forward.*?)```", text, re.DOTALL)
    assert lines in [[line for line in code.splitlines() if line.strip() and "def " not in line] for code in shown]
