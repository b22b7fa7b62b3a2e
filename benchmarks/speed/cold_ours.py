"""A first vector with numpy_bert."""

import sys

import numpy as np

import numpy_bert

model, _, sentence, target, _ = sys.argv[1:]
np.save(target, numpy_bert.load(model).embed(sentence))
