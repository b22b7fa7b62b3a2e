"""Folders as releases of transformers and sentence-transformers save them, for tests/checkpoints/test_folders.py.

    python make_folders.py part PART.json        once with each release; what it can do is asked of the library itself
    python make_folders.py merge PART.json ... folders.json.gz     adds what is new in the parts

Each form is a folder that the library has written: its text files are kept as they are, of its weights the names,
shapes and types alone, since their numbers follow from their names (`number` below). The references are ids, logits
and vectors that the library computes from the folder it has written. The folders of earlier releases of
sentence-transformers are made by hand, as their `save` writes them; their references are those of the newest. The names
of the forms have the releases; transformers 4.0.1 ran with tokenizers 0.13.3, for 0.9.4 has no build for the Python
that was used.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PLAIN = "the film was good bad new york is great i liked it deja vu déjà , . ! ?"
WORDS = [*PLAIN.split(), "##s", "##ed", "##n", "e1", "中", "国", "##国", "<", ">", "[", "]"]
CAPITALS = "The the film Film was good New York is great I liked it Déjà vu , . ! ? ##s ##ed ##n < > [ ]"
CASED = CAPITALS.split()
TEXTS = ["the film was good", "New York is great! Déjà vu, 中国.", "", "films the liked it the film was bad is it " * 3]
PAIR = ["the film", "I liked it!"]
SIZES = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 24,
}
NAMES = {0: "sad", 1: "glad", 2: "mad"}


def number(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers of a tensor of this name, whatever its prefix."""
    name = name.removeprefix("bert.").replace("decoder.bias", "bias")
    if name.endswith("position_ids"):
        return np.arange(shape[-1], dtype=np.int64).reshape(shape)
    if name == "cls.predictions.decoder.weight":
        name = "embeddings.word_embeddings.weight"
    values = np.random.default_rng(zlib.crc32(name.encode())).normal(0.0, 0.4, shape)
    return (values + ("LayerNorm.weight" in name)).astype(np.float32)


# Everything below needs the libraries.


def base(folder: Path, architecture: str, tokens=None, **settings):
    """A model with these numbers, in memory."""
    import torch
    import transformers

    tokens = [*SPECIAL, *(tokens or WORDS)]
    config = transformers.BertConfig(**({"vocab_size": len(tokens)} | SIZES | settings))
    model = getattr(transformers, architecture)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(number(name, tuple(parameter.shape))))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), "utf-8")
    return model


def saved(folder: Path, model, slow=False, add=(), lowercase=True, save=None, pad=None, **options) -> None:
    """The model and its tokenizer as the library saves them."""
    import transformers

    kind = getattr(transformers, options.pop("kind", "BertTokenizer" if slow else "BertTokenizerFast"))
    start = folder.with_name(f"{folder.name}-start")
    shutil.copytree(folder, start)
    tokenizer = kind.from_pretrained(str(start), do_lower_case=lowercase, **options)
    if add:
        tokenizer.add_tokens([token for token in add if token[0] != "<"])
        tokenizer.add_special_tokens({"additional_special_tokens": [token for token in add if token[0] == "<"]})
        rows = model.get_input_embeddings().weight.shape
        model.resize_token_embeddings(len(tokenizer))
        fill(model, rows[0])
    if pad:
        model.resize_token_embeddings(pad)
        fill(model, 0)
    shutil.rmtree(folder)
    model.save_pretrained(str(folder), **(save or {}))
    tokenizer.save_pretrained(str(folder))


def fill(model, rows: int) -> None:
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(number(name, tuple(parameter.shape))).to(parameter.dtype))


def described(folder: Path) -> dict:
    """The text files of a folder, and the tensors of its weights."""
    import torch
    from safetensors import safe_open

    files, weights = {}, {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".safetensors":
            with safe_open(str(path), "pt") as opened:
                tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - no dict
        elif path.suffix == ".bin":
            tensors = torch.load(str(path), map_location="cpu", weights_only=True)
        else:
            if path.suffix in (".json", ".txt") and path.name != "README.md":
                files[name] = path.read_bytes().decode("utf-8")
            continue
        weights[name] = {key: [str(t.dtype).removeprefix("torch."), *t.shape] for key, t in tensors.items()}
    return {"files": files, "weights": weights}


def encoded(folder: Path, slow=False) -> dict:
    import transformers

    kind = transformers.BertTokenizer if slow else transformers.AutoTokenizer
    tokenizer = kind.from_pretrained(str(folder))
    ids = [tokenizer.encode(text) for text in TEXTS]
    both = tokenizer.encode_plus(*PAIR) if hasattr(tokenizer, "encode_plus") else tokenizer(*PAIR)
    segments = both.get("token_type_ids", [0] * len(both["input_ids"]))  # what a model takes that is given none
    return {"ids": ids, "pair": [list(both["input_ids"]), list(segments)]}


def outputs(folder: Path, architecture: str, encoding: dict, single: bool) -> list:
    """What the model gives for the pair (or the first text): of each token the second, of a text everything."""
    import torch
    import transformers

    model = getattr(transformers, architecture).from_pretrained(str(folder)).eval().float()
    ids, segments = (encoding["ids"][0], None) if single else encoding["pair"]
    inputs = {"input_ids": torch.tensor([ids])} | (
        {} if segments is None else {"token_type_ids": torch.tensor([segments])}
    )
    with torch.no_grad():
        if architecture == "BertForMultipleChoice":
            inputs = {key: value[None] for key, value in inputs.items()}
        given = model(**inputs, return_dict=True)
    if architecture == "BertForQuestionAnswering":
        return torch.stack([given.start_logits[0, 1], given.end_logits[0, 1]]).tolist()
    if architecture == "BertForPreTraining":
        return given.prediction_logits[0, 1].tolist() + given.seq_relationship_logits[0].tolist()
    values = given.last_hidden_state if architecture == "BertModel" else given.logits
    return (values[0, 1] if values.ndim == 3 else values[0]).tolist()


HEADS = {
    "model": ("BertModel", {}),
    "masked_lm": ("BertForMaskedLM", {}),
    "masked_lm, decoder of its own": ("BertForMaskedLM", {"tie_word_embeddings": False}),
    "pretraining": ("BertForPreTraining", {}),
    "next_sentence": ("BertForNextSentencePrediction", {}),
    "two classes": ("BertForSequenceClassification", {}),
    "three named classes": (
        "BertForSequenceClassification",
        {"id2label": NAMES, "label2id": {n: i for i, n in NAMES.items()}},
    ),
    "five classes without names": ("BertForSequenceClassification", {"num_labels": 5}),
    "regression": ("BertForSequenceClassification", {"num_labels": 1}),
    "token classes": ("BertForTokenClassification", {"id2label": {0: "O", 1: "B-X", 2: "I-X"}}),
    "question answering": ("BertForQuestionAnswering", {}),
    "multiple choice": ("BertForMultipleChoice", {}),
    "gelu_new": ("BertModel", {"hidden_act": "gelu_new"}),
    "epsilon": ("BertModel", {"layer_norm_eps": 1e-3}),
    "one segment": ("BertModel", {"type_vocab_size": 1}),
    "regression of three": ("BertForSequenceClassification", {"problem_type": "regression", "id2label": NAMES}),
    "several labels": (
        "BertForSequenceClassification",
        {"problem_type": "multi_label_classification", "id2label": NAMES},
    ),
}
TOKENIZERS = {
    "slow tokenizer": {"slow": True},
    "cased": {"lowercase": False, "tokens": CASED},
    "cased, slow": {"lowercase": False, "tokens": CASED, "slow": True},
    "accents kept": {"strip_accents": False},
    "Chinese not apart": {"tokenize_chinese_chars": False},
    "tokens added": {"add": ("e1e2", "<drug>")},
    "tokens added, slow": {"add": ("e1e2", "<drug>"), "slow": True},
    "length told": {"model_max_length": 10},
    "vocabulary padded": {"pad": 64},
    "segments left out": {"model_input_names": ["input_ids", "attention_mask"]},
    "DistilBERT's tokenizer": {"kind": "DistilBertTokenizerFast"},
    "cut at the left": {"truncation_side": "left"},
}


def transformers_forms(scratch: Path):
    import transformers

    version = f"transformers {transformers.__version__}"
    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    for name, (architecture, settings) in HEADS.items():
        if "problem_type" in settings and (major, minor) < (4, 5):
            continue  # it does not know the key
        folder = scratch / "model"
        saved(folder, base(folder, architecture, **settings))
        yield made(f"{version}: {name}", folder, architecture, single=settings.get("type_vocab_size") == 1)
    for name, options in TOKENIZERS.items():
        options = dict(options)
        folder = scratch / "model"
        slow = bool(options.get("slow"))
        model = base(folder, "BertForMaskedLM", options.pop("tokens", None))
        saved(folder, model, **options)
        yield made(f"{version}: {name}", folder, "BertForMaskedLM", slow=slow)
    if major > 4 or minor >= 30:
        folder = scratch / "model"
        saved(folder, base(folder, "BertModel").half())
        yield made(f"{version}: float16", folder, "BertModel")
        saved(folder, base(folder, "BertModel"), save={"max_shard_size": "3KB", "safe_serialization": True})
        yield made(f"{version}: in shards", folder, "BertModel")
        if major == 4:
            saved(folder, base(folder, "BertModel"), save={"safe_serialization": True})
            yield made(f"{version}: safetensors", folder, "BertModel")


def made(name: str, folder: Path, architecture: str, slow=False, single=False) -> tuple[str, dict]:
    form = described(folder) | {"architecture": architecture} | encoded(folder, slow)
    form["outputs"] = outputs(folder, architecture, form, single)
    if single:
        del form["pair"]
    shutil.rmtree(folder.parent)
    return name, form


def sentence_forms(scratch: Path):
    import sentence_transformers
    import torch
    from sentence_transformers import CrossEncoder, SentenceTransformer

    try:
        from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
    except ImportError:
        from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
    version = f"sentence-transformers {sentence_transformers.__version__}"
    major = int(sentence_transformers.__version__.split(".")[0])

    def transformer(**options):
        saved(scratch / "base", base(scratch / "base", "BertModel"), model_max_length=12)
        return Transformer(str(scratch / "base"), **options)

    def dense():
        torch.manual_seed(0)
        return Dense(8, 6)

    modes = ["mean", "cls", "max"] + ["mean_sqrt_len_tokens", "weightedmean", "lasttoken"] * (major > 2)
    forms = {f"{mode} pooling": ([mode], {}, {}) for mode in modes}
    forms |= {
        "normalized": (["cls", Normalize], {"max_seq_length": 9}, {}),
        "short": (["mean"], {"max_seq_length": 5}, {}),
        "lower case": (["mean"], {"do_lower_case": True}, {}),
        "dense": (["mean", dense], {}, {}),
    }
    if major > 2:
        prompts = {"query": "the ", "document": ""}
        forms |= {
            "prompts": (["mean"], {}, {"prompts": prompts}),
            "default prompt": (["mean"], {}, {"prompts": prompts, "default_prompt_name": "query"}),
            "fewer dimensions": (["mean", Normalize], {}, {"truncate_dim": 4}),
            "dot products": (["cls"], {}, {"similarity_fn_name": "dot"}),
        }
    for name, (steps, options, settings) in forms.items():
        modules = [transformer(**options), Pooling(8, steps[0]), *(step() for step in steps[1:])]
        model = SentenceTransformer(modules=modules, device="cpu", **settings)
        model.save(str(scratch / "model"))
        model = SentenceTransformer(str(scratch / "model"), device="cpu")
        form = described(scratch / "model") | {"vectors": model.encode(TEXTS, batch_size=1).tolist()}
        if "dense" in name:
            form["numbers"] = {key: value.tolist() for key, value in modules[2].state_dict().items()}
        shutil.rmtree(scratch)
        yield f"{version}: {name}", form
    crosses = {
        "cross-encoder": ({"num_labels": 1}, None),
        "cross-encoder without activation": ({"num_labels": 1}, torch.nn.Identity()),
        "cross-encoder of three": ({"id2label": NAMES}, None),
    }
    for name, (settings, activation) in crosses.items():
        saved(scratch / "base", base(scratch / "base", "BertForSequenceClassification", **settings))
        model = CrossEncoder(str(scratch / "base"), device="cpu", activation_fn=activation)
        model.save(str(scratch / "model"))
        yield f"{version}: {name}", scored(scratch / "model")
        for release, keys in earlier_scores(model.activation_fn, activation is not None).items():
            shutil.copytree(scratch / "base", scratch / release)
            config = json.loads((scratch / release / "config.json").read_text("utf-8"))
            (scratch / release / "config.json").write_text(json.dumps(config | keys, indent=2), "utf-8")
            yield f"sentence-transformers {release}: {name}", scored(scratch / release)
        shutil.rmtree(scratch)


def scored(folder: Path) -> dict:
    from sentence_transformers import CrossEncoder

    scores = np.asarray(CrossEncoder(str(folder), device="cpu").predict([PAIR]))
    return described(folder) | {"scores": scores.reshape(-1).tolist()}


def earlier_scores(activation, is_chosen: bool) -> dict[str, dict]:
    """What earlier releases wrote into config.json of a cross-encoder, beside what transformers wrote there."""
    name = f"{type(activation).__module__}.{type(activation).__qualname__}"
    older = {"sbert_ce_default_activation_function": name} if is_chosen else {}
    return {
        "2.2.2": older,
        "3.4.1": older,
        "5.1.2": {"sentence_transformers": {"activation_fn": name, "version": "5.1.2"}},
    }


def part(target: str) -> None:
    import transformers

    try:
        import sentence_transformers
    except ImportError:
        sentence_transformers = None
    forms = {}
    for maker in [sentence_forms] if sentence_transformers and "--sentences" in sys.argv else [transformers_forms]:
        with tempfile.TemporaryDirectory() as scratch:
            for name, form in maker(Path(scratch, "made")):
                forms[name] = form
                print(name, transformers.__version__, flush=True)
    Path(target).write_text(json.dumps(forms))


# What earlier releases of sentence-transformers write, read off their `save`: the release, that of transformers,
# whether it knows prompts, and the keys of its pooling.
FLAGS = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
EARLIER = {
    "2.2.2": ("4.30.2", False, FLAGS),
    "3.4.1": ("4.48.3", True, [*FLAGS, "weightedmean_tokens", "lasttoken"]),
    "5.1.2": ("4.56.2", True, [*FLAGS, "weightedmean_tokens", "lasttoken"]),
}
MODES = {"weightedmean": "weightedmean_tokens"} | {
    flag.removesuffix("_tokens").removesuffix("_token"): flag for flag in FLAGS
}


def earlier(name: str, form: dict, base: dict) -> dict[str, dict]:
    """A form of the newest release in the files of the earlier ones, whose vectors are the same.

    base: the files of the encoder and of the tokenizer as a release of transformers 4 writes them.
    """
    files = form["files"]
    modules = json.loads(files["modules.json"])
    if not all(module["type"].rpartition(".")[2] in ("Transformer", "Pooling", "Normalize") for module in modules):
        return {}
    settings = json.loads(files["config_sentence_transformers.json"])
    mode = json.loads(files["1_Pooling/config.json"])["pooling_mode"]
    limits = json.loads(files.get("tokenizer_config.json", "{}"))
    forms = {}
    for release, (transformers, has_prompts, flags) in EARLIER.items():
        flag = mode if mode in flags else MODES.get(mode, mode)
        needs_more = settings.get("prompts", {}).keys() - {"query", "document"} or settings.get("default_prompt_name")
        if flag not in flags or "truncate_dim" in settings or (needs_more and not has_prompts):
            continue
        versions = {"sentence_transformers": release, "transformers": transformers, "pytorch": "2.0.1"}
        made = {"__version__": versions}
        if has_prompts:
            keys = ("prompts", "default_prompt_name", "similarity_fn_name")
            made |= {key: settings.get(key) for key in keys}
        if release >= "5":
            made["model_type"] = "SentenceTransformer"
        pooling = {"word_embedding_dimension": 8} | {f"pooling_mode_{f}": f == flag for f in flags}
        if has_prompts:
            pooling["include_prompt"] = True
        types = [f"sentence_transformers.models.{module['type'].rpartition('.')[2]}" for module in modules]
        written = [
            {"idx": i, "name": str(i), "path": module["path"], "type": kind}
            for i, (module, kind) in enumerate(zip(modules, types, strict=True))
        ]
        tokenizer = json.loads(base["files"]["tokenizer_config.json"])
        tokenizer |= {key: limits[key] for key in ("model_max_length", "do_lower_case") if key in limits}
        texts = dict(base["files"]) | {"tokenizer_config.json": json.dumps(tokenizer, indent=2)}
        texts["modules.json"] = json.dumps(written, indent=2)
        texts["1_Pooling/config.json"] = json.dumps(pooling, indent=2)
        texts["config_sentence_transformers.json"] = json.dumps(made, indent=2)
        limit = {"max_seq_length": limits.get("model_max_length"), "do_lower_case": "lower case" in name}
        texts["sentence_bert_config.json"] = json.dumps(limit, indent=2)
        forms[f"sentence-transformers {release}: {name.partition(': ')[2]}"] = form | {"files": texts}
    return forms


def merge(parts: list[str], target: str) -> None:
    """One file in which what several forms have in common is there once."""
    stored = json.loads(gzip.decompress(Path(target).read_bytes())) if Path(target).exists() else {"forms": {}}
    contents, forms = {}, {}

    def kept(value) -> str:
        key = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
        contents[key] = value
        return key

    read = {}
    for name, form in stored["forms"].items():
        whole = {kind: {f: stored["contents"][key] for f, key in form[kind].items()} for kind in ("files", "weights")}
        read[name] = form | whole
    for path in parts:
        read = json.loads(Path(path).read_text()) | read
    base = read["transformers 4.30.2: model"]
    newest = [name for name in read if name.startswith("sentence-transformers 6.") and "vectors" in read[name]]
    for name, form in [(name, read[name]) for name in newest]:
        read |= earlier(name, form, base)
    for name, form in read.items():
        form["files"] = {file: kept(text) for file, text in form["files"].items()}
        form["weights"] = {file: kept(tensors) for file, tensors in form["weights"].items()}
        for key in ("outputs", "vectors", "scores"):
            if key in form:
                form[key] = np.round(np.array(form[key], np.float64), 8).tolist()
        forms[name] = form
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in contents.items()]
    rows = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in forms.items()]
    text = '{"contents": {\n' + ",\n".join(lines) + '},\n"forms": {\n' + ",\n".join(rows) + "}}\n"
    with gzip.GzipFile(target, "wb", mtime=0) as file:
        file.write(text.encode("utf-8"))


if __name__ == "__main__":
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    if sys.argv[1] == "part":
        part(sys.argv[2])
    else:
        merge(sys.argv[2:-1], sys.argv[-1])
