"""The checkpoints of TensorFlow: an index table and the bytes of the tensors beside it."""
