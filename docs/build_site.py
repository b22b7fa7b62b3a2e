"""The pages of docs/ and the docstrings of the package as one static site: python docs/build_site.py OUTPUT

OUTPUT/index.html opens without a server and without a network. Needs the extra `docs`. What is in the site, and in
which order, is what docs/README.md links to; every module of the package gets a page of its own from its docstrings.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "site_parts"))

import notebooks

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "numpy_bert"
HOME = DOCS / "README.md"  # index.html
FRONT = ROOT / "README.md"  # overview.html
OTHERS = Path("also")  # files outside docs/ that a page links to
FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
ORPHAN = "---\norphan: true\n---\n\n"  # of a page that is in no table of contents
LINK = re.compile(r"(?<=\]\()([^)#\s]+)")


def contents() -> Iterator[tuple[str, list[Path]]]:
    """(heading, the pages linked below it) of docs/README.md."""
    for section in re.split(r"^## ", HOME.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        linked = dict.fromkeys((DOCS / target).resolve() for target in LINK.findall(body) if "://" not in target)
        yield heading, [page for page in linked if page.is_relative_to(DOCS) and page != HOME]


def modules() -> dict[str, Path]:
    """The modules of the package, by their dotted names, without those that would give the exercises' answers away."""
    results = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        results[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    answers = f"{PACKAGE.name}.exercises"  # the list of all mistakes by name, and wrong.*, a module for each
    kept = (name for name in sorted(results) if name != answers and not name.startswith(f"{answers}.wrong"))
    return {name: results[name] for name in kept if not name.endswith("__main__")}


def stage(folder: Path) -> None:
    """Everything that Sphinx is to read, with links that lead within the site."""
    for page in [FRONT, *DOCS.rglob("*.md")]:
        text, others = _relinked(page)
        _make(folder / _staged(page), text)
        for other in others:
            _stage_other(folder, other)
    for figure in [path for ending in ("png", "svg") for path in DOCS.rglob(f"*.{ending}")]:
        _copy(figure, folder / figure.relative_to(DOCS))
    for notebook in DOCS.rglob("*.ipynb"):
        notebooks.to_markdown(notebook, folder / _staged(notebook))
    _reference(folder / "api")
    with (folder / _staged(HOME)).open("a", encoding="utf-8") as home:
        home.write("".join(_table_of_contents()))


def _table_of_contents() -> Iterator[str]:
    sections = [("This project", [FRONT]), *contents()]
    for heading, pages in sections:
        entries = "".join(f"{_staged(page).with_suffix('').as_posix()}\n" for page in pages)
        yield f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}```\n"
    yield "\n```{toctree}\n:hidden:\n:caption: Reference\n\napi/index\n```\n"


def _staged(path: Path) -> Path:
    """Where a file of the project stands among what Sphinx reads."""
    if path in (HOME, FRONT):
        return Path("index.md" if path == HOME else "overview.md")
    if path.is_relative_to(PACKAGE) and path.suffix == ".py":
        return Path("api", ".".join(path.relative_to(ROOT).with_suffix("").parts) + ".md")
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).with_suffix(".md" if path.suffix == ".ipynb" else path.suffix)
    return OTHERS / path.relative_to(ROOT)


def _relinked(page: Path) -> tuple[str, list[Path]]:
    """The text of a page, its links turned to the staged places, and the linked files that are not pages of docs/."""
    here = _staged(page).parent
    others = []

    def turned(match: re.Match[str]) -> str:
        if "://" in match[1]:
            return match[1]
        path = Path(os.path.normpath(page.parent / match[1]))
        if _staged(path).is_relative_to(OTHERS):
            others.append(path)
        return Path(os.path.relpath(_staged(path), here)).as_posix()

    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^`(numpy_bert/[\w/]+\.py)`$", rf"[`\1`]({os.path.relpath(ROOT, page.parent)}/\1)", text, flags=re.M)
    pieces = FENCE.split(text)
    pieces[::2] = [LINK.sub(turned, piece) for piece in pieces[::2]]
    return "".join(pieces), others


def _stage_other(folder: Path, path: Path) -> None:
    """A page that is linked but not part of the table of contents, such as a model card, or a file to download."""
    if path.suffix == ".md" and path.is_file():
        _make(folder / _staged(path), ORPHAN + path.read_text(encoding="utf-8"))
    elif path.is_file():
        _copy(path, folder / _staged(path))


def _reference(folder: Path) -> None:
    """A page for each module, which autodoc fills, and a list of them. They are in no table of contents, which stands
    beside every page and would be mostly they.
    """
    lines = []
    for name, path in modules().items():
        directive = f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   :undoc-members:\n```\n"
        _make(folder / f"{name}.md", f"{ORPHAN}# {name}\n\n{directive}")
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        opening = re.sub(" {4,}", "   ", docstring.partition("\n")[0])
        lines.append(f"- [{name}]({name}.md): `` {opening} ``\n")
    words = "Every module of the package, from its docstrings. The source of each function is a click away."
    _make(folder / "index.md", f"# Reference\n\n{words}\n\n{''.join(lines)}")


def _make(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def build(output: Path) -> int:
    """Sphinx's exit status. A warning is an error: a link that leads nowhere is not published."""
    try:
        from sphinx.cmd.build import build_main
    except ImportError:
        sys.exit("the site needs Sphinx; run: pip install .[docs]")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        stage(source)
        print(f"{sum(1 for _ in source.rglob('*.md'))} pages, which take some minutes", flush=True)
        configuration = str(DOCS / "site_parts")
        flags = ["-W", "--keep-going", "-j", "auto", "-b", "html", "-c", configuration]
        return build_main([*flags, "-d", str(Path(scratch, "doctrees")), str(source), str(output)])


def main() -> int:
    parser = argparse.ArgumentParser(description="build the site of the documentation")
    parser.add_argument("output", type=Path, help="a folder that does not exist yet, or is empty")
    output = parser.parse_args().output
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        parser.error(f"{output}: expected a folder that does not exist yet, or is empty")
    status = build(output)
    if status == 0:
        print(f"open {output / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
