"""How the queries of a search become vectors: as the manifest beside the vectors of the corpus says those were made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import Error, show, warn
from ..files.reading import File
from ..model import Bert
from . import manifest
from .chunk import model_sha256, pooling_settings


def query_form(bert: Bert, vectors: str | os.PathLike[str], texts: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The arguments of `Bert.search` that the manifest decides; {} where there is none.

    texts: the file that is to show the texts of the corpus. Warns where the prompt of the corpus is not the one for
    documents. Error: the vectors are those of another model, of another pooling or of other texts.
    """
    record = Path(f"{os.fspath(vectors)}.json")
    if not record.is_file():
        return {}
    job, files = manifest.read(record).job, manifest.read(record).files
    if job.get("model") != model_sha256(bert):
        made_by = f"those of {files.get('model', 'another')}"
        raise Error(f"expected vectors of {bert.path}, got {made_by}; pass that one with --model", at=vectors)
    if texts is not None:
        with File(texts) as file:
            if job.get("input", {}).get("sha256") != file.hexdigest():
                raise Error(f"expected the file that {os.fspath(vectors)} was made from, got another", at=texts)
    settings = job.get("settings", {})
    for key, value in pooling_settings(bert).items():
        if settings.get(key, value) != value:
            raise Error(f"expected vectors made with {key} {show(value)}, got {show(settings[key])}", at=vectors)
    _tell_of_the_prompt(bert, settings.get("prompt") or "", vectors)
    full = bert.pooling.size(bert.config.hidden_size)
    return {
        "truncate_dim": settings.get("truncate_dim") or full,
        "normalize_embeddings": settings.get("normalize") is True,
    }


def _tell_of_the_prompt(bert: Bert, prompt: str, vectors: str | os.PathLike[str]) -> None:
    """Warn where documents were embedded with the prompt of queries, or without their own."""
    wanted, of_queries = bert.settings.document_prompt, bert.settings.query_prompt
    if prompt == wanted or not (wanted or (of_queries and prompt == of_queries)):
        return
    got = "that of queries" if prompt == of_queries and prompt else show(prompt) if prompt else "none"
    remedy = "embed the texts again with --prompt-name document"
    warn(f"expected texts with the checkpoint's prompt for documents, {show(wanted)}, got {got}; {remedy}", at=vectors)
