"""The drawings of the pages: current, on every page that derives something, readable without colors and by ear."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FIGURES = sorted((DOCS / "figures").glob("*.svg"))
PAGES = [DOCS / "interventions.md"]
PAGES += [page for folder in ("blocks", "tasks", "inference") for page in sorted((DOCS / folder).glob("*.md"))]
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+\.svg)\)")
SVG = "{http://www.w3.org/2000/svg}"


def test_they_are_what_the_program_draws():
    command = [sys.executable, str(DOCS / "draw.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_has_one(page):
    images = IMAGE.findall(page.read_text("utf-8"))
    assert images
    for alternative, target in images:
        assert alternative
        assert (page.parent / target).resolve() in FIGURES


def test_every_drawing_is_shown_somewhere():
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    shown = {(page.parent / target).resolve() for page in pages for _, target in IMAGE.findall(page.read_text("utf-8"))}
    assert shown == set(FIGURES)


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_it_can_be_read_without_seeing_it_and_in_both_themes(path):
    text = path.read_text("utf-8")
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title")
    assert len(root.findtext(f"{SVG}desc")) > 40
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"(href|src)\s*=|url\((?!#)", text)  # nothing is loaded from anywhere


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_no_text_leaves_the_drawing(path):
    root = ET.fromstring(path.read_text("utf-8"))
    _, _, width, height = map(float, root.get("viewBox").split())
    for text in root.iter(f"{SVG}text"):
        size = len(text.text) * (6.2 if "small" in text.get("class") else 7.4)
        left = float(text.get("x")) - {"start": 0, "middle": size / 2}[text.get("text-anchor")]
        assert left >= 0, text.text
        assert left + size <= width + 2, text.text
        assert 10 <= float(text.get("y")) <= height - 2, text.text
