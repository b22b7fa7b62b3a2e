"""What each command prints fits 60, 80 and 120 columns, and breaks no word that has room."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from support.tiny import tiny_bert

from numpy_bert.cli.main import GROUPS, main
from numpy_bert.lab.server import Server

TEXTS = ("i liked this movie and the train to berlin", "the movie was good", "it rains")
TASK = "sequence_classification"
COMMANDS = {
    "demo": (),
    "tokenize": TEXTS,
    "embed": TEXTS,
    "search": (TEXTS[0], "--texts", "texts.txt"),
    "rank": (TEXTS[0], *TEXTS),
    "sparse": TEXTS,
    "quantize": ("vectors.npy", "--output", "made.npy"),
    "fill-mask": ("the [MASK] was [MASK]",),
    "next-sentence": TEXTS[:2],
    "classify": TEXTS,
    "tag": TEXTS[:1],
    "answer": ("was it good", TEXTS[1], "--top-k", "3"),
    "choose": ("i liked", *TEXTS),
    "finetune": ("--task", TASK, "--train", "train.tsv", "--dev", "train.tsv", "--epochs", "1", "--output", "made"),
    "evaluate": ("--task", TASK, "--input", "train.tsv"),
    "pretrain": ("--train", "texts.txt", "--steps", "1", "--masked-only", "--max-length", "16", "--output", "made"),
    "learn-vocabulary": ("--input", "texts.txt", "--size", "30", "--alphabet", "9", "--output", "made"),
    "lab": ("--no-open",),
    "gradcheck": ("layer_norm", "multi_head_attention"),
    "exercise": (),
    "exercise --hint": ("3", "--hint"),
    "exercise --output": ("3", "--output", "made.py"),
    "explain": (TEXTS[0], "--steps", "2"),
    "drift": TEXTS,
    "convert": ("model", "made"),
    "inspect": ("model",),
    "inspect --compare": ("model", "--compare", "other"),
    "profile": ("--length", "8", "--repeats", "1"),
    "trace": (TEXTS[0], "--output", "made.html", "--data", "made.npz"),
    "trace --compare": ("--compare", "a.npz", "b.npz"),
}
# Their --model, if they have one, is given above.
NO_MODEL = (
    "quantize", "learn-vocabulary", "gradcheck", "exercise", "exercise --hint", "exercise --output", "convert",
    "inspect", "inspect --compare", "trace --compare",
)  # fmt: skip
SAY_MORE = ("finetune", "pretrain", "lab")  # on stderr: classes with their counts, saves, the end


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("widths")
    model = tiny_bert(labels=("bad", "so so", "good"), max_position_embeddings=128)  # as long as the demo's pairs
    model.save(folder / "model")
    tiny_bert(labels=("bad", "so so", "good"), seed=1, max_position_embeddings=128).save(folder / "other")
    for name, text in (("a.npz", TEXTS[1]), ("b.npz", TEXTS[1].replace("good", "bad"))):
        model.trace(text).save(folder / name)
    (folder / "texts.txt").write_text("\n".join(TEXTS), "utf-8")
    (folder / "train.tsv").write_text("text\tlabel\ni liked this movie\tgood\nit was bad\tbad\n", "utf-8")
    np.save(folder / "vectors.npy", np.eye(3, 8, dtype=np.float32))
    return folder


def printed(capsys, monkeypatch, name, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    for path in Path.cwd().glob("made*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    model = () if name in NO_MODEL else ("--model", "model")
    status = 1 if "--compare" in name else 0  # 1: they differ
    assert main([name.split()[0], *COMMANDS[name], *model]) == status
    captured = capsys.readouterr()
    assert captured.err == "" or name in SAY_MORE
    return captured.out


def test_every_command_is_here():
    assert {name.split()[0] for name in COMMANDS} == {command.name for group in GROUPS for command in group.commands}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", COMMANDS)
def test_output_fits_and_breaks_no_word(capsys, monkeypatch, folder, name):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(Server, "serve_forever", _interrupted)
    wide = words(printed(capsys, monkeypatch, name, 1000))
    for columns in (60, 80, 120):
        text = printed(capsys, monkeypatch, name, columns)
        assert max(map(cell_len, text.splitlines())) <= columns
        room = columns - 20  # beside "largest difference", the longest title of a column
        broken = words(text) - wide
        assert not {part for part in broken if not any(part in word for word in wide if len(word) > room)}


def _interrupted(*_, **__):
    raise KeyboardInterrupt


def words(text):
    """Those with letters: what is measured differs from run to run, and bars are as long as there is room for."""
    text = re.sub("http:\\S+", "", text)  # the address of the lab, another each time
    return {word for word in text.split() if re.search("[A-Za-z]", word)}
