"""Make tokenizer_reference.json.gz, which lies beside this script: ids that transformers gives in many tiny folders.

    python make_tokenizer_reference.py

Run with transformers 5.24.0 and tokenizers 0.23.3; the file says in `made_with` what made it. Each form is a folder of
a vocabulary and of settings: FORMS has what its files say. AutoTokenizer opens it, once from vocab.txt and once from
the tokenizer.json that it saves then. The references are the ids and the segments of every text and pair below, whole
and cut to several lengths. A folder with vocab.txt alone keeps Google's characters here, so all texts are of characters
on which Google and the `tokenizers` library agree.

tests/tokenizer/test_reference.py reads the file and needs neither library.
"""

from __future__ import annotations

import gzip
import itertools
import json
import tempfile
from pathlib import Path

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PLAIN = """
    the a an of film films was good gut é e deja déjà vu straße strasse i I ı İ new york New York The Film 中 国 ##国
    日 本 ##本 [ ] < > / - ' " . , ! ? ##s ##n ##ed ##e ##é ##t ##ü u ü mask sep e1 E1 ##1 x ab abc ##c drug
"""
WORDS = PLAIN.split()
TEXTS = [
    "The films was good.", "New York, I was the film!", "déjà vu Déjà vu DÉJÀ", "u\u0308 e\u0301 Straße İ I ı",
    "中国 日本 x中国x", "", " \t\n", "a\u00adb a\u200bb ab", "the [MASK] was [SEP] good [CLS]",
    "[mask] [Sep] [PAD][UNK]", "<drug> xdrugx drug -drug- drugs", "[E1]film[/E1] [e1] film [/e1]",
    "ab abc xab abx 'ab' É é É",
    "a  <m>  film <m>\t<m> x<m>x", "the " * 12 + "film", "x" * 101 + " " + "s" * 100,
]  # fmt: skip
PAIRS = [
    ["the film", "was good, New York"],
    ["[MASK] a", "[SEP]"],
    ["", "the"],
    ["the " * 9, "film " * 5],
    ["x", "中国 " * 8],
]
LENGTHS = [5, 7, 8, 12]  # to which they are cut
ADDED = [  # content, then single_word, lstrip, rstrip, normalized, special
    ("[E1]", False, False, False, True, False), ("[/E1]", False, False, False, False, True),
    ("drug", True, False, False, True, False), ("<drug>", False, False, False, False, False),
    ("<m>", False, True, True, False, True), ("É", True, False, True, True, False),
    ("ab", True, True, False, False, False),
]  # fmt: skip
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
NAMES = ["input_ids", "attention_mask"]


def forms() -> dict[str, dict]:
    """What tokenizer_config.json of each form says."""
    made: dict[str, dict] = {}
    for lower, accents, chinese in itertools.product([True, False], [None, True, False], [True, False]):
        name = f"lower {lower}, accents {accents}, Chinese {chinese}"
        made[name] = {"do_lower_case": lower, "strip_accents": accents, "tokenize_chinese_chars": chinese}
    first = len(SPECIAL) + len(WORDS)
    entries = [dict(zip(("content", *FLAGS), token, strict=True)) for token in ADDED]
    ids = {token: i for i, token in enumerate([*SPECIAL, *WORDS])}
    new = itertools.count(first)
    decoder = {str(ids[e["content"]] if e["content"] in ids else next(new)): e for e in entries}
    for lower in (True, False):
        made[f"added tokens, lower {lower}"] = {"do_lower_case": lower, "added_tokens_decoder": decoder}
    for i, entry in enumerate(entries):  # each by itself, with every flag turned
        index = ids.get(entry["content"], first)
        for flag in (None, *FLAGS):
            turned = entry | ({} if flag is None else {flag: not entry[flag]})
            made[f"added {entry['content']}, {flag} turned ({i})"] = {"added_tokens_decoder": {str(index): turned}}
    mask = {"__type": "AddedToken", "content": "[MASK]", "lstrip": True, "special": True}
    extra = {"additional_special_tokens": ["[E1]", "[/E1]"]}
    made |= {
        "special tokens beside the five": extra,
        "extra special tokens": {"extra_special_tokens": ["[E1]", "x"]},
        "mask token with white space": {"mask_token": mask},
        "never split": {"never_split": ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]},
        "cut at the left": {"truncation_side": "left"},
        "cut at the left, added tokens": {"truncation_side": "left", **extra},
        "without segments": {"model_input_names": NAMES},
        "DistilBERT's class": {"tokenizer_class": "DistilBertTokenizer"},
        "ELECTRA's class": {"tokenizer_class": "ElectraTokenizer"},
        "the fast class": {"tokenizer_class": "BertTokenizerFast"},
        "a limit": {"model_max_length": 12},
        "padded at the left": {"padding_side": "left"},
    }  # fmt: skip
    return {
        name: {"tokenizer_class": "BertTokenizer", "do_lower_case": True, **config} for name, config in made.items()
    }


def reference(tokenizer) -> dict:
    """The ids of texts, ids and segments of pairs, whole and cut."""

    def encoded(length, *texts):
        cut = {} if length is None else {"truncation": True, "max_length": length}
        result = tokenizer(*texts, **cut)
        ids = list(result["input_ids"])
        return [ids, list(result.get("token_type_ids", [0] * len(ids)))]

    lengths = [None, *LENGTHS]
    return {
        "texts": [[encoded(length, text)[0] for text in TEXTS] for length in lengths],
        "pairs": [[encoded(length, *pair) for pair in PAIRS] for length in lengths],
    }


def write_folder(folder: Path, config: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def write_vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in [*SPECIAL, *WORDS]), "utf-8")


def main() -> None:
    import tokenizers
    import transformers

    made = {"made_with": f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}", "forms": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, config) in enumerate(forms().items()):
            folder = Path(scratch, str(number))
            write_folder(folder, config)
            write_vocabulary(folder)
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
            listed = reference(tokenizer)
            saved = Path(scratch, f"{number}-saved")
            tokenizer.save_pretrained(str(saved))
            (saved / "config.json").write_text('{"model_type": "bert"}')
            described = reference(transformers.AutoTokenizer.from_pretrained(str(saved)))
            files = {file: (saved / file).read_text("utf-8") for file in ("tokenizer.json", "tokenizer_config.json")}
            made["forms"][name] = {"listed": listed, "described": described, "files": files}
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n"
    with gzip.GzipFile(Path(__file__).with_name("tokenizer_reference.json.gz"), "wb", mtime=0) as file:
        file.write(text.encode("utf-8"))


if __name__ == "__main__":
    main()
