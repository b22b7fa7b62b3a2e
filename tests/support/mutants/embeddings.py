"""Wrong backwards of lookup and embedding."""

import numpy as np

from numpy_bert.blocks import dropout, embedding, layer_norm, lookup
from numpy_bert.blocks.embedding import Params
from numpy_bert.numerics import tree
from support.mutants.catalog import exercise, mutant

# y_n = W_{ids_n}


repeated_ids_lost = exercise("repeated_ids_lost")


@mutant(
    "lookup",
    wrong="The gradient of an id is the mean over the places where it occurs, not their sum.",
    hint="A word that occurs twice has twice the influence.",
)
def repeated_ids_averaged(dy, cache):
    dW = np.zeros((cache.V, dy.shape[-1]))
    np.add.at(dW, cache.ids, dy)
    counts = np.bincount(cache.ids.reshape(-1), minlength=cache.V)
    return dW / np.maximum(counts, 1)[:, None]


@mutant(
    "lookup",
    wrong="Row 0 gets no gradient, as PyTorch's padding_idx=0 has it; but the forward reads it like any other, and the "
    "mask already sees to padding.",
    hint="Which row is wrong?",
    seen="Hugging Face BertEmbeddings, on purpose: nn.Embedding(..., padding_idx=pad_token_id)",
)
def padding_row_gets_nothing(dy, cache):
    dW = lookup.backward(dy, cache)
    dW[0] = 0.0
    return dW


@mutant(
    "lookup",
    wrong="ids count from 1 in the backward.",
    hint="Which row got the gradient of row 0?",
)
def one_row_too_low(dy, cache):
    return lookup.backward(dy, cache._replace(ids=(cache.ids + 1) % cache.V))


# y = dropout(LayerNorm(word + position + segment))


@mutant(
    "embedding",
    wrong="The looked-up rows were wrapped as new constants: the graph is cut there, and the tables never learn.",
    hint="All three tables have gradient zero; the norm above them is right.",
    seen="AlkiGit/BERT-NumPy, where embeddings are re-wrapped as fresh tensors",
)
def graph_cut_above_the_tables(dy, cache):
    gradients = embedding.backward(dy, cache)
    return Params(*(np.zeros_like(table) for table in gradients[:3]), norm=gradients.norm)


positions_not_summed_over_the_batch = exercise("positions_not_summed_over_the_batch")


@mutant(
    "embedding",
    wrong="Each text overwrites the gradient of its segments instead of adding to it.",
    hint="Right for B = 1.",
)
def segments_not_summed_over_the_batch(dy, cache):
    gradients = embedding.backward(dy, cache)
    dtotal, _ = layer_norm.backward(dropout.backward(dy, cache.dropout), cache.norm)
    dsegment = np.zeros_like(gradients.segment)
    for ids, dtext in zip(cache.segment.ids, dtotal, strict=True):
        for s in np.unique(ids):
            dsegment[s] = dtext[ids == s].sum(axis=0)
    return gradients._replace(segment=dsegment)


@mutant(
    "embedding",
    wrong="The words get their gradient at the ids of the positions: a line copied and half changed.",
    hint="Which rows of `word` have a gradient?",
)
def words_scattered_by_position(dy, cache):
    gradients = embedding.backward(dy, cache)
    dtotal, _ = layer_norm.backward(dropout.backward(dy, cache.dropout), cache.norm)
    V = cache.word.V
    return gradients._replace(word=lookup.backward(dtotal, lookup.Cache(cache.position.ids % V, V)))


@mutant(
    "embedding",
    wrong="The gradient goes around the norm.",
    hint="Its parameters are right, whatever lies below it is wrong.",
)
def norm_bypassed(dy, cache):
    dnormed = dropout.backward(dy, cache.dropout)
    _, dnorm = layer_norm.backward(dnormed, cache.norm)
    tables = (cache.word, cache.position, cache.segment)
    return Params(*(lookup.backward(dnormed, table) for table in tables), norm=dnorm)


@mutant(
    "embedding",
    wrong="The dropout on the embeddings is not undone.",
    hint="Only the case with dropout fails.",
)
def embedding_dropout_forgotten(dy, cache):
    return embedding.backward(dy, cache._replace(dropout=dropout.Cache(None, 1.0)))


@mutant(
    "embedding",
    wrong="The sum hands each of the three a third of its gradient. A sum hands it on whole.",
    hint="d(a + b + c)/da = ?",
)
def gradient_of_a_sum_divided(dy, cache):
    gradients = embedding.backward(dy, cache)
    return tree.map(lambda table: table / 3.0, gradients)._replace(norm=gradients.norm)
