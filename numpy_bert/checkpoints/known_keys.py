"""Who obeys which key of which file of a folder; `unowned` names the rest, so that nothing is passed over silently.

    READ       the key is obeyed, or refused by name, by the module in the comment
    NO_EFFECT  the key changes no number that is computed here: notes of the writer, settings of training or of decoding
    NEUTRAL    the key changes nothing at these values, which nearly every file has; at another one it is named

A key that is not listed here is named as well. Nothing is refused by this module. The files of exported graphs
(ort_config.json, quantize_config.json, openvino_config.json) describe those graphs alone, and are not read, nor are
those of a module that sentence_pooling.py refuses by name.

Source: the keys that transformers 2 to 5, sentence-transformers 2 to 6, tokenizers, optimum, Google's and NVIDIA's code
write, and those found in public repositories.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import Error, show, warn
from ..files import strict_json
from ..files.json_object import LARGEST_JSON
from .modules_file import LENGTH_FILES, MODULES, SETTINGS, leads_elsewhere, root_of

MOST_NAMED = 6  # in one warning


class Owners(NamedTuple):
    """The keys of one file."""

    read: str
    no_effect: str = ""
    neutral: Mapping[str, tuple[Any, ...]] = MappingProxyType({})  # key -> values that change nothing


# Settings of transformers for generating text, which BERT does not.
GENERATION = """
    assistant_confidence_threshold assistant_early_exit assistant_lookbehind bad_words_ids begin_suppress_tokens
    bos_token_id cache_config cache_implementation compile_config constraints cross_attention_hidden_size
    decoder_start_token_id disable_compile diversity_penalty do_sample dola_layers early_stopping
    encoder_no_repeat_ngram_size encoder_repetition_penalty eos_token_id eos_token_ids epsilon_cutoff eta_cutoff
    exponential_decay_length_penalty force_words_ids forced_bos_token_id forced_decoder_ids forced_eos_token_id
    generation_kwargs guidance_scale is_assistant length_penalty low_memory max_length max_matching_ngram_size
    max_new_tokens max_time min_length min_new_tokens min_p no_repeat_ngram_size num_assistant_tokens
    num_assistant_tokens_schedule num_beam_groups num_beams num_return_sequences output_logits output_scores
    penalty_alpha prefill_chunk_size prefix
    prompt_lookup_num_tokens remove_invalid_values renormalize_logits repetition_penalty
    return_dict_in_generate return_legacy_cache sep_token_id sequence_bias stop_strings suppress_tokens
    target_lookbehind temperature token_healing top_h top_k top_p typical_p use_cache watermarking_config
"""
SPECIAL_TOKENS = """
    unk_token cls_token sep_token pad_token mask_token additional_special_tokens extra_special_tokens
"""

CONFIG = Owners(
    # config_file.py
    read="""
    vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size max_position_embeddings
    type_vocab_size hidden_act layer_norm_eps hidden_dropout_prob attention_probs_dropout_prob classifier_dropout
    initializer_range pad_token_id num_labels id2label problem_type tie_word_embeddings architectures model_type
    position_embedding_type is_decoder add_cross_attention is_encoder_decoder pruned_heads embedding_size
    num_hidden_groups inner_group_num attention_window relative_attention alibi_starting_size use_bottleneck n_heads
    quantization_config null_score_diff_threshold
    tokenizer_class
    sentence_transformers sbert_ce_default_activation_function
    """,  # the last lines: tokenizer/files.py, sentence_settings.py
    no_effect=f"""
    {GENERATION}
    _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash _name_or_path
    _num_labels _output_attentions attn_implementation chunk_size_feed_forward classifiers_size data_sets dtype
    export_model_type finetuning_task fp16 gradient_checkpointing label2id language layer_norm_type model_max_length
    model_name name name_or_path optimum_version output_attentions output_hidden_states output_past
    output_all_encoded_layers pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head
    return_dict return_attn_weights task task_specific_params tf_legacy_loss tie_encoder_decoder torch_dtype torchscript
    transformers.js_config transformers_version transformers_weights use_bfloat16 use_return_dict xla_device
    sentence_transformers_version max_seq_length
    """,
    neutral={
        "directionality": ("bidi",),
        "pooler_type": ("first_token_transform",),
        "gelu_approximate": ("none",),
        "pre_norm": (False,),
        "auto_map": (None, {}),  # code of the folder, which is never run
        "custom_pipelines": (None, {}),
    },
)
TOKENIZER_CONFIG = Owners(
    # tokenizer/files.py; the last line: sentence_pooling.py
    read=f"""
    {SPECIAL_TOKENS}
    tokenizer_class do_lower_case strip_accents tokenize_chinese_chars do_basic_tokenize max_input_chars_per_word
    added_tokens_decoder library_rules word_tokenizer_type subword_tokenizer_type mecab_kwargs sudachi_kwargs
    jumanpp_kwargs model_input_names truncation_side
    model_max_length max_len
    """,
    no_effect="""
    add_bos_token add_eos_token backend bos_token chat_template clean_up_tokenization_spaces device_map eos_token errors
    fast_tokenizer_files files_loaded from_slow full_tokenizer_file init_inputs is_local local_files_only max_length
    name name_or_path pad_to_multiple_of pad_token_type_id processor_class response_template slow_tokenizer_class
    special_tokens_map_file stride tokenizer_file tokenizer_type truncation_strategy use_fast verbose vocab_file
    vocab_size chat_control_tokens model_type model_specific_special_tokens tokenizer_version legacy revision
    trust_remote_code use_auth_token cache_dir language fix_mistral_regex
    """,
    neutral={
        "auto_map": (None, {}),
        "never_split": (None, [], ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]),
        "do_split_on_punc": (None, True),
        "padding_side": (None, "right"),
        "split_special_tokens": (None, False),
        "wordpieces_prefix": (None, "##"),
        "suffix_indicator": (None, "##"),
        "add_prefix_space": (None, False),
        "basic_tokenizer_kwargs": (None, {}),
        "clean_text": (None, True),
    },
)
FILES = {
    "config.json": CONFIG,
    "bert_config.json": CONFIG,
    "tokenizer_config.json": TOKENIZER_CONFIG,
    "special_tokens_map.json": Owners(SPECIAL_TOKENS, "bos_token eos_token"),
    "tokenizer.json": Owners(  # tokenizer/tokenizer_json.py; how long a text may be is for other files to say
        "added_tokens normalizer pre_tokenizer post_processor model truncation", "version padding decoder"
    ),
    "sentence_bert_config.json": Owners(  # sentence_pooling.py
        "max_seq_length do_lower_case",
        "transformer_task model_name_or_path unpad_inputs modality_config module_output_name",
        {
            "processing_kwargs": (None, {}),
            "query_length": (None,),
            "document_length": (None,),
            "query_expansion": (None, False),
            "tokenizer_name_or_path": (None, ""),
            "model_args": (None, {}),
            "tokenizer_args": (None, {}),
            "config_args": (None, {}),
            "cache_dir": (None,),
            "backend": (None, "torch"),
        },
    ),
    SETTINGS: Owners(  # sentence_settings.py
        "prompts default_prompt_name truncate_dim similarity_fn_name activation_fn model_type",
        "__version__ keep_in_fp32_modules",
        {"tokenizer_kwargs": (None, {})},
    ),
    "generation_config.json": Owners(
        "", f"{GENERATION} _from_model_config transformers_version pad_token_id output_attentions output_hidden_states"
    ),
}
FILES |= {name: FILES["sentence_bert_config.json"] for name in LENGTH_FILES}
MODULE = Owners("path type", "idx name", {"kwargs": (None, [], {})})  # of each entry of modules.json
POOLING = Owners(
    """
    pooling_mode pooling_mode_cls_token pooling_mode_mean_tokens pooling_mode_max_tokens
    pooling_mode_mean_sqrt_len_tokens pooling_mode_weightedmean_tokens pooling_mode_lasttoken include_prompt
    word_embedding_dimension embedding_dimension
    """,
)
FEATURES = "module_input_name module_output_name"
OF_MODULES = {  # by the class of a module; sentence_steps.py, but for the poolings
    "Pooling": POOLING,
    "SpladePooling": Owners(
        "pooling_strategy activation_function", "embedding_dimension word_embedding_dimension chunk_size"
    ),
    "Dense": Owners(f"in_features out_features bias activation_function use_residual {FEATURES}"),
    "LayerNorm": Owners(f"dimension {FEATURES}"),
    "Normalize": Owners(FEATURES),
    "Dropout": Owners("", "dropout"),
}
ADAPTER = "adapter_config.json"  # transformers adds such an adapter to the weights; it is not read here


def unowned(folder: Path, aside: Collection[str] = ()) -> list[str]:
    """The keys of the files of a folder that are neither obeyed nor known to change nothing, each with its file.

    aside: files that are not looked at.
    """
    keys = []
    for file, owners, values in _objects(folder, aside):
        for key, value in values.items():
            if key in owners.read.split() or key in owners.no_effect.split():
                continue
            if key in owners.neutral:
                if not any(type(value) is type(same) and value == same for same in owners.neutral[key]):
                    keys.append(f"{file}: {key}: {show(value, 40)}")
            else:
                keys.append(f"{file}: {show(key, 40)[1:-1]}")
    if (folder / ADAPTER).exists():
        keys.append(f"{ADAPTER}: an adapter, which is not added to the weights")
    return keys


def tell(folder: Path) -> None:
    """One warning that names them, if there are any. tokenizer.json is large, and its reader knows all of it."""
    keys = unowned(folder, aside=("tokenizer.json",))
    if keys:
        more = f" and {len(keys) - MOST_NAMED} more" * (len(keys) > MOST_NAMED)
        warn(f"not obeyed, and may change answers: {'; '.join(keys[:MOST_NAMED])}{more}", at=folder)


def _objects(folder: Path, aside: Collection[str]) -> Iterator[tuple[str, Owners, dict[str, Any]]]:
    """The objects in the files that are there, with the owners of their keys; unreadable files are left out."""
    root = root_of(folder)
    for file, owners in FILES.items():
        place = root if file == SETTINGS else folder
        content = None if file in aside else _content(place / file)
        if isinstance(content, dict):
            yield file, owners, content
    modules = _content(root / MODULES)
    for module in modules if isinstance(modules, list) else []:
        if isinstance(module, dict):
            yield MODULES, MODULE, module
            path, kind = module.get("path"), str(module.get("type", "")).rpartition(".")[2]
            if kind in OF_MODULES and isinstance(path, str) and not leads_elsewhere(path):
                content = _content(root / path / "config.json")
                if isinstance(content, dict):
                    yield f"{path}/config.json", OF_MODULES[kind], content


def _content(path: Path) -> Any:
    try:
        return strict_json.read(path, LARGEST_JSON) if path.is_file() else None
    except Error:
        return None
