"""A first vector with PyTorch and transformers."""

import sys

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

model, _, sentence, target, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
tokenizer = AutoTokenizer.from_pretrained(model)
bert = AutoModel.from_pretrained(model, attn_implementation="sdpa", dtype=torch.float32).eval()
with torch.inference_mode():
    hidden = bert(**tokenizer(sentence, return_tensors="pt")).last_hidden_state
    vector = torch.nn.functional.normalize(hidden.mean(dim=1), dim=1)
np.save(target, vector[0].numpy())
