"""The blocks of the paper, one file each: the equation, forward, and directly below it the backward.

Letters, everywhere the same: B batch, T tokens, L layers, H hidden size, A heads, D = H / A head size,
F feed-forward size, V vocabulary, C classes. `d<name>` is the gradient of the loss with respect to
`<name>`, with its shape.

`matmul(A, B)` is A @ B, and `row_sum`, `row_mean`, `elementwise` and their like are what their docstrings say in plain
NumPy. A forward uses them since inference is many small products and short rows, which they compute faster; in a
backward, whose products are large, @ is as fast.
"""
