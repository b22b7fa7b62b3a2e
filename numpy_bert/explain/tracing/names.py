"""The names of the arrays of a trace, one for each variable of a function.

Declared here and not read from the blocks: rewording a docstring or renaming a variable changes no trace. The table
stands beside the tracer and not in the blocks, where it would hide the mathematics. A test compares it
with every function.

For each function: its variables in the order in which they appear, that is the arguments, the variables that it writes,
and a result without a name. "-" stands for a variable that holds no array.
"""

from __future__ import annotations

NAMES: dict[str, dict[str, str]] = {
    "blocks.attention": {
        "forward": "Q K V mask - S P - R - y",
        "backward": "dy - R dR dV dP dS dQ dK",
    },
    "blocks.bert": {
        "forward": "inputs - - - - - x - - hidden - pooled - - -",
        "backward": "dy - accumulate_into dhidden - dhidden_pooled dx - - dparams",
    },
    "blocks.binary_cross_entropy": {
        "forward": "x targets - high low loss",
        "backward": "dloss - - error dx",
    },
    "blocks.cross_entropy": {
        "forward": "x labels kept log_p - - loss",
        "backward": "dloss - dlog_p dx",
    },
    "blocks.embedding": {
        "forward": "ids - - - word - position - segment - total normed - y -",
        "backward": "dy - accumulate_into dnormed dtotal - dsegment dposition dword dparams",
    },
    "blocks.encoder": {
        "forward": "x - tokens - - - - - - -",
        "backward": "dy - - - -",
    },
    "blocks.encoder_layer": {
        "forward": "x - mask - - rows - - - - - attended - - z - fed - - y - - -",
        "backward": "dy - dresidual - dfed dz - - dattended dx -",
    },
    "blocks.feed_forward": {
        "forward": "x - - h - a - y -",
        "backward": "dy - da - dh dx -",
    },
    "blocks.gelu": {
        "forward": "x - y",
        "backward": "dy - slope - - dx",
    },
    "blocks.layer_norm": {
        "forward": "x - - mu x_hat variance rstd y",
        "backward": "dy - - dbeta dgamma dx_hat dx",
    },
    "blocks.linear": {
        "forward": "x - rows y y",
        "backward": "dy - x_rows dy_rows db dW dx",
    },
    "blocks.log_softmax": {
        "forward": "x y",
        "backward": "dy - p dx",
    },
    "blocks.lookup": {
        "forward": "ids W y",
        "backward": "dy - accumulate_into rows dW",
    },
    "blocks.multi_head_attention": {
        "forward": "x - - mask - rows - - - - - QKV - Q K V queries KV - heads - concat y -",
        "backward": "dy - - - - - - dconcat - dheads dQ dK dV dQKV dx - dKV dqueries dx_rows - -",
    },
    "blocks.pooler": {
        "forward": "h - cls u - y -",
        "backward": "dy - du dcls - dh",
    },
    "blocks.softmax": {
        "forward": "x mask p total",
        "backward": "dp - dx",
    },
    "blocks.squared_error": {
        "forward": "x targets error loss",
        "backward": "dloss - - dx",
    },
    "blocks.tanh": {
        "forward": "x y",
        "backward": "dy - dx",
    },
    "explain.vector_norm": {
        "loss": "encoded - v - size -",
        "loss_backward": "dloss - dv dhidden dencoded",
    },
    "tasks.head": {
        "loss": "- encoded labels - - - logits - value -",
        "loss_backward": "- dloss - dencoded",
    },
    "tasks.masked_lm": {
        "forward": "encoded - - - positions asked u - a - n - logits -",
        "loss": "encoded labels - - - flat positions logits - value -",
        "backward": "dlogits - dn dE dbias da - du dasked - - dh dencoded",
        "loss_backward": "dloss - dencoded",
    },
    "tasks.next_sentence": {
        "forward": "encoded - - - logits -",
        "backward": "dlogits - dpooled - dencoded",
    },
    "tasks.objective": {
        "forward": "- batch - - - - encoded - - loss -",
        "backward": "- - dencoded - - - accumulate_into - - dparams",
    },
    "tasks.question_answering": {
        "forward": "encoded - - - logits -",
        "loss": "encoded labels - - - logits - start - end - losses loss",
        "backward": "dlogits - dhidden - dencoded",
        "loss_backward": "dloss - - - dend dstart dencoded",
    },
    "tasks.sentence_embedding": {
        "forward": "h mask - - - share pooled v - v",
        "backward": "dy - - - - dpooled dh",
    },
    "tasks.sequence_classification": {
        "forward": "encoded - - - - dropped - logits -",
        "loss": "encoded labels - - - logits - value -",
        "backward": "dlogits - ddropped - dpooled dencoded",
        "loss_backward": "dloss - dlogits dencoded",
    },
    "tasks.token_classification": {
        "forward": "encoded - - - - dropped - logits -",
        "backward": "dlogits - ddropped - dhidden dencoded",
    },
}
