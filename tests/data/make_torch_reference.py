"""Make the reference arrays torch_*.npz that lie beside this script: PyTorch's answers, in float64.

    python make_torch_reference.py              the tiny models, and a training run of one of them
    python make_torch_reference.py --minilm FOLDER --splade FOLDER --rxnfp FOLDER
                                                also known answers of published checkpoints, each in the folder that
                                                published(...) of tests/checkpoints.py returns

Run with torch 2.13.0 and transformers 5.23.0 on a CPU; each file says in `made_with` what made it. The models, their
losses, AdamW, the clipping and the schedule are those of the two libraries and every gradient is PyTorch's own, so
that nothing here repeats the formulas under test. The tests that read the files need neither library.

In a file of a tiny model:
    config                          JSON, the arguments of transformers.BertConfig
    token_ids, segment_ids, attention_mask, and the labels under the names that the model calls them by
    names (n,), shapes (n, 2)       of the parameters, as Hugging Face calls them; 0 where there is no second axis
    parameters, gradients           all of them one after another, flat, in the order of names
    hidden_states (L + 1, B, T, H), attentions (L, B, A, T, T), pooled (B, H), every output *logits, loss

In that of the training run: the same config, names, shapes and (first) parameters; the batches, stacked along a new
first axis; the recipe as JSON; final_parameters; and for each step losses, losses_float32 (the same run in float32),
learning_rates (the first is 0) and gradient_norms (before clipping, which multiplies by largest / (norm + 1e-6)
where that is below 1).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn.functional import normalize
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    get_linear_schedule_with_warmup,
)

HERE = Path(__file__).resolve().parent
Arrays = dict[str, Any]

# The tiny models. pad_token_id is None because PyTorch gives the embedding of a padding token no gradient.
TINY = {
    "vocab_size": 37,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": None,
}
IGNORED = _ = -100

# Three texts with two segments, ids that repeat in and across texts, and padding, one place of which holds no 0.
TEXTS = {
    "token_ids": [[2, 9, 5, 9, 3, 30, 9, 3], [2, 36, 4, 3, 30, 3, 0, 0], [2, 4, 3, 3, 17, 0, 0, 0]],
    "segment_ids": [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0, 0, 0]],
    "attention_mask": [[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]],
}
MASKED = [[_, 9, _, 11, _, _, 36, _], [_, _, 7, _, 0, _, _, _], [_, 9, _, _, _, _, _, _]]
ENTITIES = [[_, 3, 0, _, _, 4, 1, _], [_, 2, 4, _, 0, _, _, _], [_, 1, _, _, _, _, _, _]]

# Three questions with three choices each.
CHOICES = {
    "token_ids": [
        [[2, 8, 3, 21, 22, 3], [2, 8, 3, 21, 3, 0], [2, 8, 3, 8, 8, 3]],
        [[2, 5, 6, 3, 33, 3], [2, 5, 6, 3, 6, 3], [2, 5, 3, 3, 0, 0]],
        [[2, 7, 3, 1, 3, 0], [2, 7, 3, 36, 3, 0], [2, 7, 3, 21, 21, 3]],
    ],
    "segment_ids": [
        [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1]],
        [[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 0, 0]],
        [[0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1]],
    ],
    "attention_mask": [
        [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]],
        [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]],
        [[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]],
    ],
}


class Case(NamedTuple):
    """One tiny model with its batch."""

    model: type
    config: Arrays  # what differs from TINY
    labels: Arrays  # by the name that the model's forward gives them
    texts: Arrays = TEXTS


PRETRAINING = {"labels": MASKED, "next_sentence_label": [1, 0, 0]}
CASES = {
    "pretraining_erf": Case(BertForPreTraining, {}, PRETRAINING),
    "pretraining_tanh": Case(BertForPreTraining, {"hidden_act": "gelu_new"}, PRETRAINING),
    "masked_lm": Case(BertForMaskedLM, {}, {"labels": MASKED}),
    "next_sentence": Case(BertForNextSentencePrediction, {}, {"labels": [1, IGNORED, 0]}),
    "sequence_classification": Case(BertForSequenceClassification, {"num_labels": 5}, {"labels": [4, 0, IGNORED]}),
    "regression": Case(BertForSequenceClassification, {"num_labels": 1}, {"labels": [0.5, -1.25, 3.0]}),
    "token_classification": Case(BertForTokenClassification, {"num_labels": 5}, {"labels": ENTITIES}),
    "question_answering": Case(
        BertForQuestionAnswering, {}, {"start_positions": [5, IGNORED, 0], "end_positions": [6, 4, 0]}
    ),
    "multiple_choice": Case(BertForMultipleChoice, {}, {"labels": [2, IGNORED, 1]}, CHOICES),
    "regression_of_three": Case(
        BertForSequenceClassification,
        {"num_labels": 3, "problem_type": "regression"},
        {"labels": [[0.5, -1.25, 3.0], [2.0, 0.75, -0.5], [-1.0, 0.0, 1.5]]},
    ),
    "multi_label": Case(
        BertForSequenceClassification,
        {"num_labels": 4, "problem_type": "multi_label_classification"},
        {"labels": [[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.25, 1.0, 1.0, 0.5]]},
    ),
}

# Texts for the published checkpoints, written for this purpose.
SENTENCES = (
    "Rain.",
    "The cat sat on the mat.",
    "A cat was sitting on a rug.",
    "I liked this movie.",
    "Das Café öffnet um 9:30 Uhr.",
    "The committee postponed its decision, although nobody had asked for more time to read the proposal.",
    "How do I convert an array of floats to integers without rounding towards zero?",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
)
WITH_MASKS = ("The capital of France is [MASK].", "She [MASK] the book and put it back on the [MASK] without a word.")
REACTION = (
    "Nc1cccc2cnccc12.O=C(O)c1cc([N+](=O)[O-])c(Sc2c(Cl)cncc2Cl)s1"
    ">>O=C(Nc1cccc2cnccc12)c1cc([N+](=O)[O-])c(Sc2c(Cl)cncc2Cl)s1"
)
SMILES = r"\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|%[0-9]{2}|[0-9]"
COMPONENTS = 37  # every 37th component of a long vector is stored: not always the same one of a head of 32 or 64
TOKENS = 499  # every 499th token of a large vocabulary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in PUBLISHED:
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    folders = vars(parser.parse_args())
    torch.set_num_threads(1)  # one order of summation, whatever the machine
    for seed, (name, case) in enumerate(CASES.items()):
        store(name, tiny_reference(case, 0 if name.startswith("pretraining") else seed))
    store("training", training_run())
    for name, answers in PUBLISHED.items():
        if folders[name] is not None:
            store(name, answers(folders[name]))


def store(name: str, arrays: Arrays) -> None:
    made_with = f"torch {torch.__version__}, transformers {transformers.__version__}, NumPy {np.__version__}"
    path = HERE / f"torch_{name}.npz"
    np.savez_compressed(path, made_with=made_with, **arrays)
    print(f"{path.name}: {path.stat().st_size / 1024:.1f} KiB")


# The tiny models.


def tiny_model(
    model: type, changes: Arrays, seed: int, spread: float = 0.35, dtype: torch.dtype = torch.float64
) -> Any:
    """A model whose every parameter is drawn from a normal distribution, around 1 for gamma and around 0 for the rest.

    Rounded to multiples of 1/1024, which float32 holds exactly.
    """
    config = BertConfig(**(TINY | changes), attn_implementation="eager")
    built = model(config).to(dtype).eval()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            drawn = spread * rng.standard_normal(tuple(parameter.shape)) + name.endswith("LayerNorm.weight")
            parameter.copy_(torch.from_numpy(np.round(drawn * 1024) / 1024))
    return built


def tiny_reference(case: Case, seed: int) -> Arrays:
    model = tiny_model(case.model, case.config, seed)
    labels = {name: np.array(value) for name, value in case.labels.items()}
    texts = {name: np.array(value) for name, value in case.texts.items()}
    pooled = []
    if model.bert.pooler is not None:
        model.bert.pooler.register_forward_hook(lambda module, x, y: pooled.append(y))
    T = texts["token_ids"].shape[-1]
    # Of the positions in a question's text, transformers ignores T, not -100.
    inputs = {n: np.where(v == IGNORED, T, v) if n.endswith("positions") else v for n, v in labels.items()}
    output = run(model, texts, **{name: torch.from_numpy(value) for name, value in inputs.items()})
    output.loss.backward()
    arrays = {
        "config": json.dumps(TINY | case.config),
        **texts,
        **labels,
        **flat(dict(model.named_parameters())),
        "gradients": concatenated(parameter.grad for parameter in model.parameters()),
        "hidden_states": array(torch.stack(output.hidden_states)),
        "attentions": array(torch.stack(output.attentions)),
        "loss": array(output.loss),
    }
    if pooled:
        arrays["pooled"] = array(pooled[0])
    return arrays | {name: array(value) for name, value in output.items() if name.endswith("logits")}


def run(model: Any, texts: Arrays, **labels: torch.Tensor) -> Any:
    return model(
        input_ids=torch.from_numpy(texts["token_ids"]),
        token_type_ids=torch.from_numpy(texts["segment_ids"]),
        attention_mask=torch.from_numpy(texts["attention_mask"]),
        output_hidden_states=True,
        output_attentions=True,
        **labels,
    )


def flat(parameters: dict[str, torch.Tensor]) -> Arrays:
    """A tied array has one name, that of the word embedding."""
    shapes = [(*value.shape, 0)[:2] for value in parameters.values()]
    return {
        "names": np.array(list(parameters)),
        "shapes": np.array(shapes),
        "parameters": concatenated(parameters.values()),
    }


def concatenated(tensors: Any) -> np.ndarray:
    return np.concatenate([array(tensor).reshape(-1) for tensor in tensors])


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()


# A hundred steps of training.

STEPS, WARM_UP, PEAK, DECAY, LARGEST_NORM = 100, 10, 1e-3, 0.01, 1.0
SEED, SPREAD = 100, 0.1  # with these, 56 of the steps are clipped and 44 are not
SHARES = np.array([0.15, 0.3, 0.6, 0.9])[:, None, None]  # of the tokens of each batch that carry a label


def training_run() -> Arrays:
    """AdamW on the MLM and NSP losses of four batches in turn, in float64; the losses also in float32."""
    batches = training_batches()
    model = tiny_model(BertForPreTraining, {}, SEED, SPREAD)
    first = flat(dict(model.named_parameters()))
    losses, rates, norms = train(model, batches)
    losses_32, _, _ = train(tiny_model(BertForPreTraining, {}, SEED, SPREAD, torch.float32), batches)
    return {
        "config": json.dumps(TINY),
        **batches,
        **first,
        "final_parameters": concatenated(model.parameters()),
        "losses": np.array(losses),
        "losses_float32": np.array(losses_32, np.float32),
        "learning_rates": np.array(rates),
        "gradient_norms": np.array(norms),  # before clipping
        "recipe": json.dumps(
            {"steps": STEPS, "warm_up": WARM_UP, "peak": PEAK, "betas": [0.9, 0.999], "eps": 1e-8}
            | {"weight_decay": DECAY, "not_decayed": "norms and biases", "largest_norm": LARGEST_NORM}
        ),
    }


def training_batches() -> Arrays:
    """Four batches of eight pairs of texts, of 12 tokens at most; step i learns from batch i mod 4."""
    rng = np.random.default_rng(2)
    shape = (4, 8, 12)
    lengths = rng.integers(5, 13, shape[:2])[:, :, None]
    present = np.arange(12) < lengths
    token_ids = np.where(present, rng.integers(5, 37, shape), 0)
    chosen = present & (rng.random(shape) < SHARES)
    chosen[:, :, 1] = True
    second = np.arange(12) >= rng.integers(2, 5, shape[:2])[:, :, None]
    return {
        "token_ids": np.where(chosen & (rng.random(shape) < 0.8), 4, token_ids),
        "segment_ids": (second & present).astype(np.int64),
        "attention_mask": present.astype(np.int64),
        "labels": np.where(chosen, token_ids, IGNORED),
        "next_sentence_label": rng.integers(0, 2, shape[:2]),
    }


def train(model: Any, batches: Arrays) -> tuple[list[float], list[float], list[float]]:
    """-> the loss, the learning rate and the gradient's norm of each step"""
    kept = [p for name, p in model.named_parameters() if "LayerNorm" in name or name.endswith("bias")]
    decayed = [p for name, p in model.named_parameters() if "LayerNorm" not in name and not name.endswith("bias")]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    schedule = get_linear_schedule_with_warmup(optimizer, WARM_UP, STEPS)
    losses, rates, norms = [], [], []
    for step in range(STEPS):
        batch = {name: value[step % len(value)] for name, value in batches.items()}
        labels = {name: torch.from_numpy(batch[name]) for name in ("labels", "next_sentence_label")}
        optimizer.zero_grad()
        loss = run(model, batch, **labels).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM).item())
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses, rates, norms


# Published checkpoints.

SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "hidden_act",
    "layer_norm_eps",
)


def published(model: type, folder: Path, **changes: Any) -> Any:
    """The model in float64, every parameter of it from the checkpoint and nothing of the checkpoint left over."""
    known = json.loads((folder / "config.json").read_text())
    config = BertConfig(**{key: known[key] for key in SIZES}, **changes, attn_implementation="eager")
    built = model(config).double().eval()
    if (folder / "model.safetensors").exists():
        stored = load_file(folder / "model.safetensors")
    else:
        stored = torch.load(folder / "pytorch_model.bin", map_location="cpu", weights_only=True)
    stored = {re.sub("gamma$", "weight", re.sub("beta$", "bias", name)): value for name, value in stored.items()}
    second_copies = {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "embeddings.position_ids"}
    parameters = dict(built.named_parameters())
    differing = set(parameters) ^ (set(stored) - second_copies)
    if differing:
        raise SystemExit(f"{folder}: expected the parameters of {model.__name__}, these differ: {sorted(differing)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(stored[name])
    return built


def padded(rows: list[list[int]]) -> Arrays:
    T = max(map(len, rows))
    token_ids = np.array([row + [0] * (T - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (T - len(row)) for row in rows])
    return {"token_ids": token_ids, "segment_ids": np.zeros_like(token_ids), "attention_mask": mask}


def encoder_of(folder: Path) -> Callable[[str], list[int]]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return lambda text: tokenizer.encode(text).ids


@torch.no_grad()
def minilm(folder: Path) -> Arrays:
    model = published(BertModel, folder)
    batch = padded([encoder_of(folder)(text) for text in SENTENCES])
    output = run(model, batch)
    weight = torch.from_numpy(batch["attention_mask"]).double()[:, :, None]
    mean = (weight * output.last_hidden_state).sum(1) / weight.sum(1)
    n = int(batch["attention_mask"][1].sum())
    return {
        "texts": np.array(SENTENCES),
        **batch,
        "sampled": array(output.last_hidden_state)[:, :, ::COMPONENTS],
        "sampled_layers": array(torch.stack(output.hidden_states))[:, 1, :n, ::COMPONENTS],  # of the second text
        "whole": array(output.last_hidden_state)[1, :n],  # of the second text
        "pooled": array(output.pooler_output)[:, ::COMPONENTS],
        "vectors": array(normalize(mean, dim=1)),
    }


@torch.no_grad()
def splade(folder: Path) -> Arrays:
    model = published(BertForMaskedLM, folder)
    batch = padded([encoder_of(folder)(text) for text in WITH_MASKS])
    logits = array(run(model, batch).logits)
    return {
        "texts": np.array(WITH_MASKS),
        **batch,
        "sampled_logits": logits[:, :, ::TOKENS],
        "likeliest": logits.argmax(-1),
        "largest_logit": logits.max(-1),
    }


@torch.no_grad()
def rxnfp(folder: Path) -> Arrays:
    """The reaction of the README, once as it is and once for each token of it, with that token masked."""
    vocabulary = (folder / "bert_ft" / "vocab.txt").read_text().splitlines()
    ids = [vocabulary.index(token) for token in ("[CLS]", *re.findall(SMILES, REACTION), "[SEP]")]
    whole = padded([ids])
    places = np.arange(1, len(ids) - 1)
    masked = padded([ids] * len(places))
    masked["token_ids"][np.arange(len(places)), places] = vocabulary.index("[MASK]")

    pretrained = published(BertForPreTraining, folder / "bert_pretrained")
    at_mask = array(run(pretrained, masked).prediction_logits)[np.arange(len(places)), places]  # (103, V)
    classifier = published(BertForSequenceClassification, folder / "bert_ft_10k_25s", num_labels=50)
    return {
        "token_ids": whole["token_ids"],
        "mask_id": np.array(vocabulary.index("[MASK]")),
        "cls_vector": array(run(published(BertModel, folder / "bert_ft"), whole).last_hidden_state)[0, 0],
        "classification_logits": array(run(classifier, whole).logits),
        "next_sentence_logits": array(run(pretrained, whole).seq_relationship_logits),
        "likeliest": at_mask.argmax(-1),
        "sampled_logits": at_mask[:, ::COMPONENTS],
    }


PUBLISHED = {"minilm": minilm, "splade": splade, "rxnfp": rxnfp}

if __name__ == "__main__":
    main()
