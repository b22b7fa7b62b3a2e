"""A first vector with ONNX Runtime and tokenizers."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

graph, model, sentence, target, threads = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
tokenizer = Tokenizer.from_file(str(Path(model, "tokenizer.json")))
tokenizer.no_padding()
ids = np.array([tokenizer.encode(sentence).ids], np.int64)
np.save(target, session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
