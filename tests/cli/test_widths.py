"""What each command prints fits 60, 80 and 120 columns, and breaks no word that has room."""

import re

import pytest
from rich.cells import cell_len
from support.tiny import tiny_bert

from numpy_bert.cli.main import main

TEXTS = ("i liked this movie and the train to berlin", "the movie was good", "it rains")
COMMANDS = {
    "demo": (),
    "tokenize": TEXTS,
    "embed": TEXTS,
    "fill-mask": ("the [MASK] was [MASK]",),
    "next-sentence": TEXTS[:2],
    "classify": TEXTS,
    "tag": TEXTS[:1],
    "answer": ("was it good", TEXTS[1], "--top-k", "3"),
    "choose": ("i liked", *TEXTS),
    "gradcheck": ("layer_norm", "multi_head_attention"),
    "exercise": (),
    "exercise --hint": ("3", "--hint"),
    "explain": (TEXTS[0], "--steps", "2"),
    "drift": TEXTS,
    "inspect": ("model",),
    "inspect --compare": ("model", "--compare", "other"),
    "profile": ("--length", "8", "--repeats", "1"),
    "trace --compare": ("--compare", "a.npz", "b.npz"),
}
NO_MODEL = ("gradcheck", "exercise", "exercise --hint", "inspect", "inspect --compare", "trace --compare")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("widths")
    model = tiny_bert(labels=("bad", "so so", "good"), max_position_embeddings=128)  # as long as the demo's pairs
    model.save(folder / "model")
    tiny_bert(labels=("bad", "so so", "good"), seed=1, max_position_embeddings=128).save(folder / "other")
    for name, text in (("a.npz", TEXTS[1]), ("b.npz", TEXTS[1].replace("good", "bad"))):
        model.trace(text).save(folder / name)
    return folder


def printed(capsys, monkeypatch, name, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    model = () if name in NO_MODEL else ("--model", "model")
    main([name.split()[0], *COMMANDS[name], *model])
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", COMMANDS)
def test_output_fits_and_breaks_no_word(capsys, monkeypatch, folder, name):
    monkeypatch.chdir(folder)
    wide = words(printed(capsys, monkeypatch, name, 1000))
    for columns in (60, 80, 120):
        text = printed(capsys, monkeypatch, name, columns)
        assert max(map(cell_len, text.splitlines())) <= columns
        room = columns - 20  # beside "largest difference", the longest title of a column
        broken = words(text) - wide
        assert not {part for part in broken if not any(part in word for word in wide if len(word) > room)}


def words(text):
    """Those with letters: what is measured differs from run to run, and bars are as long as there is room for."""
    return {word for word in text.split() if re.search("[A-Za-z]", word)}
