"""Of each text 15 % of the tokens are chosen to be guessed: 80 % of them become [MASK], 10 % a random token, 10 % stay.

The masked language model (Devlin et al., arXiv:1810.04805, section 3.1, task 1, and appendix A.1). The model is asked
for every chosen token, and since it cannot know which of the tokens it sees are right it has to keep a representation
of all. With whole words the tokens of a word are chosen together or not at all. At least one token is chosen (with
whole words none, where no word is short enough), and at most `most`. The procedure is that of Google's
create_pretraining_data.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...blocks.cross_entropy import IGNORED
from ...numerics.arrays import Array
from ...tokenizer.interface import Tokenizer

MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens; the others stay


class MaskingVocabulary(NamedTuple):
    """What masking has to know of each token."""

    mask_id: int
    special: Array  # (V,) boolean: [CLS], [SEP], [PAD] are never chosen
    continues: Array  # (V,) boolean: it continues the word before it


class MaskingSettings(NamedTuple):
    """How many tokens are chosen, and how."""

    share: float = 0.15  # of all tokens, the special ones counted
    most: int = 20  # in one text
    whole_words: bool = False


def vocabulary(tokenizer: Tokenizer) -> MaskingVocabulary:
    special = np.zeros(len(tokenizer.tokens), np.bool_)
    special[[tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id]] = True
    return MaskingVocabulary(tokenizer.mask_id, special, np.array(tokenizer.continues()))


def mask(
    ids: Array, known: MaskingVocabulary, settings: MaskingSettings, rng: np.random.Generator
) -> tuple[Array, Array]:
    """ids (T,) -> what the model sees (T,), labels (T,): the id at each chosen place, IGNORED elsewhere"""
    count = min(settings.most, max(1, round(settings.share * len(ids))))
    candidates = np.flatnonzero(~known.special[ids])
    if settings.whole_words:
        chosen = _whole_words(candidates, known.continues[ids[candidates]], count, rng)
    else:
        chosen = rng.permutation(candidates)[:count]
    labels = np.full(len(ids), IGNORED, np.int64)
    labels[chosen] = ids[chosen]
    seen = ids.copy()
    draw = rng.random(len(chosen))
    seen[chosen[draw < MASKED]] = known.mask_id
    random = chosen[(draw >= MASKED) & (draw < MASKED + RANDOM)]
    seen[random] = rng.integers(len(known.special), size=len(random))
    return seen, labels


def _whole_words(candidates: Array, continues: Array, count: int, rng: np.random.Generator) -> Array:
    """Places of random words as long as they fit; a word that would exceed `many` is passed over."""
    words = np.split(candidates, np.flatnonzero(~continues)[1:]) if len(candidates) else []
    chosen: list[Array] = []
    left = count
    for i in rng.permutation(len(words)):
        if len(words[i]) <= left:
            chosen.append(words[i])
            left -= len(words[i])
        if left == 0:
            break
    return np.concatenate([np.zeros(0, np.int64), *chosen])
