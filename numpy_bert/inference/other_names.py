"""Names of sentence-transformers and fastembed, and what does the same here.

Using one of them is an error that gives ours. The tables are those of docs/faq.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")

# Methods, attributes and functions of utilities -> what to call on a Bert.
METHODS = {
    "encode": "embed(texts)",
    "encode_query": 'embed(texts, prompt_name="query")',
    "encode_document": 'embed(texts, prompt_name="document")',
    "query_embed": 'embed(texts, prompt_name="query")',
    "passage_embed": 'embed(texts, prompt_name="document")',
    "encode_multi_process": "embed(texts), which uses every core",
    "predict": "classify(pairs), or rank(query, documents)",
    "rerank": "rank(query, documents)",
    "cos_sim": "similarity(a, b)",
    "similarity_pairwise": "similarity(a, b).diagonal()",
    "semantic_search": "search(queries, corpus)",
    "paraphrase_mining": "search(texts, texts), where a text also finds itself",
    "quantize_embeddings": "numpy_bert.inference.quantization.quantize(vectors, precision)",
    "truncate_embeddings": "embed(texts, truncate_dim=...)",
    "get_sentence_embedding_dimension": "pooling.size(config.hidden_size)",
    "get_embedding_dimension": "pooling.size(config.hidden_size)",
    "max_seq_length": "pooling.max_length; where it is None, config.max_position_embeddings",
    "get_max_seq_length": "pooling.max_length; where it is None, config.max_position_embeddings",
    "tokenize": "tokenizer.encode(text)",
    "prompts": "settings.prompts",
    "default_prompt_name": "settings.default_prompt_name",
    "similarity_fn_name": "settings.similarity_fn_name",
    "truncate_dim": "settings.truncate_dim",
    "save_pretrained": "save(folder)",
}
# Arguments -> what to pass, or why there is none.
ARGUMENTS = {
    "sentences": "text",
    "inputs": "text",
    "query_embeddings": "queries",
    "corpus_embeddings": "corpus",
    "show_progress_bar": "progress",
    "num_workers": "threads",
    "parallel": "threads",
    "output_value": "not needed: bert(texts) gives the vectors of tokens",
    "batch_size": "not needed: batches are made by the number of tokens",
    "query_chunk_size": "not needed: the corpus is read in blocks",
    "corpus_chunk_size": "not needed: the corpus is read in blocks",
    "convert_to_numpy": "not needed: the result is an array",
    "convert_to_tensor": "not needed: the result is an array",
    "score_function": "not needed: the checkpoint names the similarity",
    "activation_fn": "not needed: the checkpoint names the activation",
    "device": "not needed: everything runs on the processor",
}


class OtherNames:
    """A class whose missing attributes are answered with ours."""

    if not TYPE_CHECKING:  # which would take any name for one that is there

        def __getattr__(self, name: str) -> Any:
            kind = type(self).__name__
            if name in METHODS:
                raise AttributeError(f"{kind} has no {name}; here it is {METHODS[name]}")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")


def answered(method: Callable[P, Result]) -> Callable[P, Result]:
    """The method, whose TypeError for an argument of others says what it is here."""

    @functools.wraps(method)
    def called(*args: P.args, **options: P.kwargs) -> Result:
        for name in options:
            if name in ARGUMENTS:
                raise TypeError(f"{method.__name__}() has no argument {name}; here it is {ARGUMENTS[name]}")
        return method(*args, **options)

    return called
