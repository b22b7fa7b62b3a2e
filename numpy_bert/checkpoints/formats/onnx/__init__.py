"""ONNX: a graph of operations with weights in it. It is read and walked, and never run.

messages.py     the fields of a protobuf file by their place, so that weights are not read for the sake of the graph
graph.py        nodes, stored tensors and what of them is checked
operations.py   what nodes compute together: products by a weight, layer norms, lookups
gelu.py         which form of GELU
bert.py         from the embeddings on, norm by norm: which stored tensor is which weight of BERT
reader.py       describe and read, as for every form
"""
