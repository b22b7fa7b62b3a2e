"""The three interventions: heads turned off, a hidden state patched, a row of attention replaced."""

from __future__ import annotations

from .svg import Drawing


def drawings() -> dict[str, Drawing]:
    """Each drawing by its name."""
    return {maker.__name__: maker() for maker in (ablation, patching, attention_row)}


def ablation() -> Drawing:
    """Zeros in the columns of W_O that read a head."""
    d = Drawing(
        "Zeros in D columns of W_O remove one head",
        "The heads stand side by side in an array of T rows and A blocks of D columns. W_O is cut into A blocks of D columns, one for each "
        "head. The product is the sum of head times block over the heads; zeros in block 1 remove head 1 from the sum and nothing else.",
        900, 236,
    )  # fmt: skip
    d.text(120, 26, "concat (T, H), here A = 3", "ink strong")
    for a in range(3):
        d.labeled(30 + a * 60, 52, 60, 90, f"head {a}", "off" if a == 1 else "on")
    d.bracket(30, 90, 144, "D columns")
    d.text(228, 102, "×", "ink strong")
    d.text(336, 26, "W_O (H, H), transposed", "ink strong")
    for a in range(3):
        d.labeled(246 + a * 60, 38, 60, 118, "0" if a == 1 else f"W_O{a}", "off" if a == 1 else "learned")
    d.bracket(306, 366, 158, "zeros: head 1 is off")
    d.text(444, 102, "=", "ink strong")
    d.text(652, 26, "the sum over the heads (T, H)", "ink strong")
    for a, term in enumerate(("head 0 W_O0ᵀ", "0", "head 2 W_O2ᵀ")):
        d.labeled(466 + a * 136, 52, 112, 90, term, "off" if a == 1 else "on")
        d.text((590 if a < 2 else 594) + a * 136, 102, "+" if a < 2 else "+ b_O", "ink strong")
    d.text(
        30,
        220,
        "The residual connection carries x past the sublayer, and the norm stays: z = LayerNorm(x + what is left).",
        "soft small",
        "start",
    )
    return d


def patching() -> Drawing:
    """One hidden state of the source in the place of the text's own."""
    d = Drawing(
        "One hidden state of the source replaces that of the text, and the rest runs on",
        "Two tables of hidden states, a column for each token and a row for each layer: left those of the source, The movie was bad, right "
        "those of the text, The movie was good. The state of bad before layer 1 is put in the place of that of good; every state below it "
        "is computed again, and the head reads [CLS] in the last row.",
        830, 362,
    )  # fmt: skip
    rows = ("h_0", "h_1", "h_2", "h_L")
    for left, title, last in ((70, "source: g_l", "bad"), (498, "text: h_l", "good")):
        d.text(left + 150, 26, title, "ink strong")
        for t, token in enumerate(("[CLS]", "the", "movie", "was", last)):
            d.text(left + 30 + t * 60, 52, token, "ink small")
            for layer in range(4):
                patched = layer == 1 and t == 4
                below = left > 100 and layer > 1
                d.box(left + t * 60, 62 + layer * 56, 60, 38, "on" if patched else "learned" if below else "array", 3)
    for layer, name in enumerate(rows):
        d.text(40, 86 + layer * 56, name.replace("h", "g"), "soft")
        d.text(474, 86 + layer * 56, name, "soft")
    d.arrow((340, 117), (340, 109), (768, 109), (768, 117))
    d.arrow((528, 269), (528, 290))
    d.labeled(478, 291, 100, 28, "head, loss", "op")
    d.text(590, 310, "the head reads [CLS]", "soft small", "start")
    d.text(28, 350, "Shaded rows are computed again. The effect is the loss after the patch, minus the loss before.", "soft small", "start")  # fmt: skip
    return d


def attention_row() -> Drawing:
    """Another row of probabilities for one token of one head."""
    d = Drawing(
        "A row of attention is replaced: one token of one head reads other values",
        "P has a row for each token. Row t is replaced by p. Then row t of the head is p times V, and every other row is as it was.",
        700, 210,
    )  # fmt: skip
    for x, columns, title in ((40, 5, "P of one head (T, T)"), (270, 4, "V (T, D)"), (470, 4, "head = P V (T, D)")):
        d.text(x + columns * 12, 36, title, "ink strong")
        for row in range(5):
            marked = row == 3 and x != 270
            for column in range(columns):
                d.box(x + column * 24, 50 + row * 24, 24, 24, "on" if marked else "array", 0)
    d.text(18, 138, "t", "ink strong")
    d.text(215, 114, "×", "ink strong")
    d.text(418, 114, "=", "ink strong")
    d.text(576, 138, "p V", "ink strong", "start")
    d.text(40, 192, "Marked: row t of P is p, whatever p sums to. No other row of the head changes.", "soft small", "start")  # fmt: skip
    return d
