"""A new head on a published BERT: random numbers, only where the caller asks for them, and announced.

Everything else of a model comes from its checkpoint or is an error; a head that was never trained answers at random, so
a new head is never added without a warning.
"""

from __future__ import annotations

import dataclasses

from ..checkpoints import names
from ..checkpoints.sentence_pooling import SentencePooling
from ..checkpoints.sentence_settings import SentenceSettings
from ..config import RULES, BertConfig
from ..errors import Error, describe, show, warn
from ..rules import integer
from ..tasks import objective
from . import initialization


def replaced(head: str, num_labels: int | None = None, seed: int = 0) -> tuple[str, ...]:
    """The heads of a checkpoint that a new one takes the place of. Error: there can be no such head.

    Three heads share one name in published files, so each of them replaces whichever is there.
    """
    if not isinstance(head, str) or head not in objective.HEADS:
        raise Error(f"new_head: expected one of {', '.join(objective.HEADS)}, got {show(head)}")
    if num_labels is not None:
        if head not in names.WITH_LABELS:
            raise Error(f"num_labels: expected none for a {head} head, got {describe(num_labels)}")
        RULES["num_labels"].check("num_labels", num_labels)
    integer(0).check("seed", seed)
    return names.CLASSIFIERS if head in names.CLASSIFIERS else (head,)


def add(
    params: objective.Params, config: BertConfig, head: str, num_labels: int | None = None, seed: int = 0
) -> tuple[objective.Params, BertConfig]:
    """The model with a new head, its other arrays shared, and its config. Warns that the head is not trained.

    num_labels: classes of a sequence or token classification; None keeps the config's, with their names. seed: equal
    ones give equal heads. A head that reads the pooler brings one where the checkpoint has none. Error: as `replaced`.
    """
    replaced(head, num_labels, seed)
    if num_labels is not None:
        config = dataclasses.replace(config, num_labels=num_labels, labels=(), problem_type=None)
    config = dataclasses.replace(config, architectures=(names.ARCHITECTURES[head],))
    pooler = params.bert.pooler
    params = initialization.with_head(params, head, config, seed)
    made = f"a {head} head"
    if pooler is None and objective.needs_pooler((head,)):
        made += " and a pooler"
    elif pooler is None:
        params = params._replace(bert=params.bert._replace(pooler=None))
    warn(f"{made} of random numbers (seed {seed}): train it before you use its answers")
    return params, config


def beside(
    pooling: SentencePooling | Error, settings: SentenceSettings | Error, length: int
) -> tuple[SentencePooling | Error, SentenceSettings | Error]:
    """What a checkpoint says of its vectors, where a new head was trained on texts of `length` tokens.

    What it says of the head before goes: the activation of a score, sparse vectors. No text is cut earlier than in
    training.
    """
    if isinstance(pooling, SentencePooling):
        most = pooling.max_length
        pooling = pooling._replace(sparse=None, max_length=None if most is None else max(most, length))
    if isinstance(settings, SentenceSettings):
        kind = settings.kind if settings.kind == "SentenceTransformer" else None
        settings = settings._replace(activation_fn=None, kind=kind)
    return pooling, settings
