"""Every key of every file has an owner: obeyed, known to change nothing, or named.

The keys are those found in the wild: in the sources of transformers 4.0, 4.30, 4.48, 4.56 and 5.24, of
sentence-transformers 2.2, 3.4, 5.1 and 6.2 and of tokenizers, in the configs that Google's and NVIDIA's code reads, and
in folders that public repositories hold: LaBSE, MiniLM, E5, GTE, models of Korean, Kurdish, Chinese and of code.
"""

import json
import warnings

import pytest
from support.checkpoints import published
from support.tiny import tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import inspection, known_keys, sentence_steps
from numpy_bert.checkpoints.modules_file import LENGTH_FILES

BERT = """
    attention_probs_dropout_prob hidden_act hidden_dropout_prob hidden_size initializer_range intermediate_size
    max_position_embeddings num_attention_heads num_hidden_layers type_vocab_size vocab_size directionality
    pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type
"""
WILD = {
    "config.json": f"""{BERT}
        _commit_hash _name_or_path _num_labels _attn_implementation_autoset _output_attentions add_cross_attention
        architectures attn_implementation auto_map bad_words_ids begin_suppress_tokens bos_token_id
        chunk_size_feed_forward classifier_dropout cross_attention_hidden_size decoder_start_token_id diversity_penalty
        do_sample dtype early_stopping encoder_no_repeat_ngram_size eos_token_id eos_token_ids
        exponential_decay_length_penalty export_model_type finetuning_task forced_bos_token_id forced_eos_token_id
        gradient_checkpointing id2label is_decoder is_encoder_decoder label2id language layer_norm_eps length_penalty
        max_length min_length model_type name no_repeat_ngram_size num_beam_groups num_beams num_labels
        num_return_sequences optimum_version output_attentions output_hidden_states output_past output_scores
        pad_token_id position_embedding_type prefix problem_type pruned_heads quantization_config
        remove_invalid_values repetition_penalty return_dict return_dict_in_generate
        sbert_ce_default_activation_function
        sentence_transformers sep_token_id suppress_tokens task_specific_params temperature tf_legacy_loss
        tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p torch_dtype torchscript
        transformers_version typical_p use_bfloat16 use_cache xla_device embedding_size alibi_starting_size
        model_max_length max_seq_length transformers.js_config name_or_path
    """,
    "bert_config.json": BERT,
    "tokenizer_config.json": """
        add_prefix_space added_tokens_decoder additional_special_tokens auto_map backend bos_token chat_template
        clean_up_tokenization_spaces cls_token device_map do_basic_tokenize do_lower_case do_split_on_punc eos_token
        errors extra_special_tokens fast_tokenizer_files from_slow full_tokenizer_file init_inputs is_local
        jumanpp_kwargs local_files_only mask_token max_len max_length mecab_kwargs model_input_names model_max_length
        name_or_path never_split pad_to_multiple_of pad_token pad_token_type_id padding_side processor_class sep_token
        slow_tokenizer_class special_tokens_map_file split_special_tokens stride strip_accents subword_tokenizer_type
        sudachi_kwargs tokenize_chinese_chars tokenizer_class tokenizer_file trim_offsets truncation_side
        truncation_strategy unk_token use_fast vocab_size word_tokenizer_type wordpieces_prefix
    """,
    "special_tokens_map.json": """
        additional_special_tokens bos_token cls_token eos_token extra_special_tokens mask_token pad_token sep_token
        unk_token
    """,
    "tokenizer.json": """
        added_tokens decoder model normalizer padding post_processor pre_tokenizer truncation version
    """,
    "sentence_bert_config.json": """
        backend cache_dir config_args do_lower_case document_length max_seq_length modality_config model_args
        model_name_or_path module_output_name processing_kwargs query_expansion query_length tokenizer_args
        tokenizer_name_or_path transformer_task unpad_inputs
    """,
    "config_sentence_transformers.json": """
        __version__ activation_fn default_prompt_name keep_in_fp32_modules model_type prompts similarity_fn_name
        tokenizer_kwargs truncate_dim
    """,
    "generation_config.json": """
        _from_model_config assistant_confidence_threshold assistant_early_exit assistant_lookbehind bad_words_ids
        begin_suppress_tokens bos_token_id cache_config cache_implementation compile_config constraints
        decoder_start_token_id disable_compile diversity_penalty do_sample dola_layers early_stopping
        encoder_no_repeat_ngram_size encoder_repetition_penalty eos_token_id epsilon_cutoff eta_cutoff
        exponential_decay_length_penalty force_words_ids forced_bos_token_id forced_decoder_ids forced_eos_token_id
        generation_kwargs guidance_scale length_penalty low_memory max_length max_matching_ngram_size max_new_tokens
        max_time min_length min_new_tokens min_p no_repeat_ngram_size num_assistant_tokens
        num_assistant_tokens_schedule num_beam_groups num_beams num_return_sequences output_attentions
        output_hidden_states output_logits output_scores pad_token_id penalty_alpha prefill_chunk_size
        prompt_lookup_num_tokens remove_invalid_values renormalize_logits repetition_penalty return_dict_in_generate
        return_legacy_cache sequence_bias stop_strings suppress_tokens target_lookbehind temperature token_healing
        top_k top_p transformers_version typical_p use_cache watermarking_config
    """,
}
MODULES = {
    "Dense": """
        activation_function bias in_features module_input_name module_output_name out_features use_residual
    """,
    "Dropout": "dropout",
    "LayerNorm": "dimension",
    "Pooling": """
        embedding_dimension include_prompt pooling_mode pooling_mode_cls_token pooling_mode_lasttoken
        pooling_mode_max_tokens pooling_mode_mean_sqrt_len_tokens pooling_mode_mean_tokens
        pooling_mode_weightedmean_tokens word_embedding_dimension
    """,
    "Normalize": "module_input_name module_output_name",
    "SpladePooling": "activation_function chunk_size embedding_dimension pooling_strategy word_embedding_dimension",
}
REFUSED = """
    Asym BoW CLIPModel CNN LogitScore LSTM MultiVectorMask Router SparseAutoEncoder SparseStaticEmbedding
    StaticEmbedding TokenPooling WeightedLayerPooling WordEmbeddings WordWeights IDF
"""
OF_OTHERS = {"trim_offsets"}  # of byte-level tokenizers: named where a BERT folder has it


def owned(owners):
    return {*owners.read.split(), *owners.no_effect.split(), *owners.neutral}


@pytest.mark.parametrize("file", WILD)
def test_every_key_has_an_owner(file):
    assert set(WILD[file].split()) - owned(known_keys.FILES[file]) <= OF_OTHERS
    assert {*WILD, *LENGTH_FILES} == known_keys.FILES.keys()


def test_every_key_of_the_modules_has_an_owner():
    for kind, keys in MODULES.items():
        assert set(keys.split()) <= owned(known_keys.OF_MODULES[kind])
    assert MODULES.keys() == known_keys.OF_MODULES.keys() == {*sentence_steps.KINDS, "Pooling", "SpladePooling"}
    assert {"idx", "name", "path", "type", "kwargs"} <= owned(known_keys.MODULE)


@pytest.mark.parametrize("kind", REFUSED.split())
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_module_that_is_not_known_is_refused_by_name_with_all_its_keys(folder, kind, place):
    kinds = ["Transformer", "Pooling", "Dense"]
    kinds[place] = kind
    modules = [{"idx": i, "name": str(i), "path": f"{i}_{k}" * (i > 0), "type": f"s.{k}"} for i, k in enumerate(kinds)]
    change(folder, "1_Pooling/config.json", pooling_mode="mean")
    change(folder, f"{place}_{kind}/config.json", anything=1)
    (folder / "modules.json").write_text(json.dumps(modules))
    bert = load(folder)
    with pytest.raises(Error, match=f"expected the steps Transformer, Pooling .* got .*{kind}"):
        bert.embed("it rains")
    assert any(kind in problem for problem in inspection.inspect(folder).problems)
    assert bert.classify("it rains")


@pytest.mark.parametrize("file", WILD)
def test_no_key_has_two_owners(file):
    owners = known_keys.FILES[file]
    keys = [*owners.read.split(), *owners.no_effect.split(), *owners.neutral]
    assert sorted(keys) == sorted(set(keys))


@pytest.fixture
def folder(tmp_path):
    tiny_bert(("sequence_classification",)).save(tmp_path / "model")
    return tmp_path / "model"


def change(folder, file, **settings):
    path = folder / file
    (folder / file).parent.mkdir(exist_ok=True)
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | settings))


def told(folder):
    """The warnings of loading, each without the path."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(folder)
    return [str(warning.message).partition("model: ")[2] for warning in caught]


def test_nothing_is_said_of_what_this_project_writes(folder):
    assert told(folder) == []


@pytest.mark.parametrize("name", ["minilm", "splade"])
def test_nothing_is_said_of_published_folders(name):
    assert known_keys.unowned(published(name)) == []


@pytest.mark.parametrize(
    ("file", "settings", "named"),
    [
        ("config.json", {"sparse_attention": True}, "config.json: sparse_attention"),
        ("config.json", {"pooler_type": "attention"}, "config.json: pooler_type: 'attention'"),
        ("config.json", {"directionality": "left"}, "config.json: directionality: 'left'"),
        ("config.json", {"auto_map": {"AutoModel": "m.B"}}, "config.json: auto_map: {'AutoModel': 'm.B'}"),
        ("tokenizer_config.json", {"padding_side": "left"}, "tokenizer_config.json: padding_side: 'left'"),
        ("tokenizer_config.json", {"split_special_tokens": True}, "tokenizer_config.json: split_special_tokens: True"),
        ("tokenizer_config.json", {"\x1b[31m": 1}, r"tokenizer_config.json: \x1b[31m"),
        ("tokenizer_config.json", {"never_split": ["good"]}, "tokenizer_config.json: never_split: ['good']"),
        ("config_sentence_transformers.json", {"tokenizer_kwargs": {"x": 1}}, "tokenizer_kwargs: {'x': 1}"),
        ("sentence_bert_config.json", {"processing_kwargs": {"x": 1}}, "processing_kwargs: {'x': 1}"),
        ("generation_config.json", {"speed": 1}, "generation_config.json: speed"),
        ("adapter_config.json", {}, "adapter_config.json: an adapter, which is not added to the weights"),
    ],
)
def test_what_is_not_obeyed_is_named_in_one_warning(folder, file, settings, named):
    change(folder, file, **settings)
    (warning,) = told(folder)
    assert warning.startswith("not obeyed, and may change answers: ")
    assert warning.endswith(named)
    assert warning.isprintable()
    problems = inspection.inspect(folder).problems
    assert next(problem for problem in problems if "not obeyed" in problem).endswith(named)


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"pooler_type": "first_token_transform", "directionality": "bidi", "top_k": 50}),
        ("config.json", {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}),
        ("tokenizer_config.json", {"never_split": None, "padding_side": "right", "max_length": 128}),
        ("tokenizer_config.json", {"never_split": ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]}),
        ("ort_config.json", {"opset": 14, "anything": 1}),
        ("quantize_config.json", {"per_channel": True}),
    ],
)
def test_what_changes_nothing_is_not_named(folder, file, settings):
    change(folder, file, **settings)
    assert told(folder) == []


def test_modules_and_their_files(folder):
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "a.b.Pooling", "kwargs": ["task"], "speed": 2},
        {"idx": 2, "name": "2", "path": "../up", "type": "a.b.Pooling"},
    ]
    change(folder, "1_Pooling/config.json", pooling_mode="mean", include_prompt=False, depth=3)
    (folder / "modules.json").write_text(json.dumps(modules))
    assert known_keys.unowned(folder) == [
        "modules.json: kwargs: ['task']",
        "modules.json: speed",
        "1_Pooling/config.json: depth",
    ]


def test_the_files_of_every_module_are_looked_at(folder):
    """Whatever their folders are called, and where the encoder has a folder of its own, as in the first releases."""
    kinds = {"": "Transformer", "1-Pooling": "Pooling", "2_Dense 5": "Dense", "3_Normalize": "Normalize"}
    modules = [{"idx": i, "name": str(i), "path": path, "type": f"s.{kinds[path]}"} for i, path in enumerate(kinds)]
    for path in list(kinds)[1:]:
        change(folder, f"{path}/config.json", depth=3)
    (folder / "modules.json").write_text(json.dumps(modules))
    change(folder, "config_sentence_transformers.json", speed=2)
    expected = [f"{path}/config.json: depth" for path in list(kinds)[1:]]
    assert known_keys.unowned(folder) == ["config_sentence_transformers.json: speed", *expected]
    encoder = folder / "0_BERT"
    encoder.mkdir()
    for path in list(folder.iterdir()):
        if path.is_file() and path.name not in ("modules.json", "config_sentence_transformers.json"):
            path.rename(encoder / path.name)
    modules[0]["path"] = "0_BERT"
    (folder / "modules.json").write_text(json.dumps(modules))
    assert known_keys.unowned(encoder) == ["config_sentence_transformers.json: speed", *expected]


def test_many_are_named_and_the_rest_counted(folder):
    change(folder, "config.json", **{f"unknown_{i}": i for i in range(9)})
    (warning,) = told(folder)
    assert warning.count("unknown_") == known_keys.MOST_NAMED
    assert warning.endswith(" and 3 more")
    assert len(known_keys.unowned(folder)) == 9


def test_what_cannot_be_read_is_left_to_its_reader(folder):
    (folder / "config_sentence_transformers.json").write_text("[1]")
    (folder / "generation_config.json").write_text("{")
    assert known_keys.unowned(folder) == []
