"""The blocks of the paper, one file each: the equation, forward, and directly below it the backward.

Letters, everywhere the same: B batch, T tokens, L layers, H hidden size, A heads, D = H / A head size,
F feed-forward size, V vocabulary, C classes. `d<name>` is the gradient of the loss with respect to
`<name>`, with its shape.
"""
