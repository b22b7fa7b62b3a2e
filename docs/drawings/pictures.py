"""The drawings that are no plain graph: residuals, heads, gather and scatter, a projection, and how text is prepared."""

from __future__ import annotations

import itertools

from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

from .svg import Drawing, width_of


def drawings() -> dict[str, Drawing]:
    """Each picture by its name."""
    makers = (
        overview, encoder_layer, heads, broadcast, gather, projection, wordpiece, masking, pair, windows, bio, labels, overlap, tied,
    )  # fmt: skip
    return {maker.__name__: maker() for maker in makers}


def overview() -> Drawing:
    """One forward and one backward through the whole model."""
    d = Drawing(
        "One forward and one backward pass through BERT",
        "From left to right: ids, embedding, L encoder layers, head, loss. From right to left, dashed: the gradient of the loss, "
        "which leaves a gradient at the parameters of each part.",
        900, 216,
    )  # fmt: skip
    names = [
        ("ids", "(B, T)"),
        ("embedding", "3 tables, norm"),
        ("layer 0", "attention, FFN"),
        ("layer L - 1", "attention, FFN"),
        ("head", "logits"),
        ("loss", "one number"),
    ]
    gradients = ["", "dx", "dh", "dh", "dlogits"]
    for i, (name, note) in enumerate(names):
        x = 22 + i * 145
        d.box(x, 62, 112, 48, "array" if i in (0, 5) else "op")
        d.text(x + 56, 83, name, "ink strong")
        d.text(x + 56, 100, note, "soft small")
        if i:
            d.arrow((x - 32, 78), (x - 2, 78))
            if gradients[i - 1]:
                d.arrow((x - 2, 96), (x - 31, 96), back=True)
                d.text(x - 16, 114, gradients[i - 1], "back small halo")
        if 0 < i < 5:
            d.box(x + 16, 146, 80, 30, "learned")
            d.text(x + 56, 166, "parameters", "ink small")
            d.arrow((x + 46, 145), (x + 46, 112))
            d.arrow((x + 66, 112), (x + 66, 144), back=True)
            d.text(x + 70, 132, "dparams", "back small", "start")
    d.line((22, 29), (62, 29), kind="forward")
    d.text(70, 34, "forward: each block computes y and keeps a cache", "ink", "start")
    d.line((450, 29), (490, 29), kind="gradient")
    d.text(498, 34, "backward: each block turns dy into dx and dparams", "back", "start")
    d.text(441, 66, "...", "ink strong")
    d.text(440, 202, "∂loss/∂p for every parameter p, with the shape of p", "soft small")
    return d


def encoder_layer() -> Drawing:
    """Both residual connections, and where the gradient forks and adds up."""
    d = Drawing(
        "The encoder layer: two sublayers, two residual connections, and the gradient's two ways",
        "x goes through multi-head attention and dropout and is added to itself, then layer norm gives z; z goes through the "
        "feed-forward network and dropout and is added to itself, then layer norm gives y. Backward, the gradient of each sum goes both "
        "along the residual connection, unchanged, and through the sublayer, and both parts add up at its input.",
        976, 226,
    )  # fmt: skip
    places = {
        "x": 22,
        "MultiHead": 118,
        "dropout": 246,
        "+": 356,
        "LayerNorm": 416,
        "z": 532,
        "FFN": 600,
        "dropout ": 684,
        "+ ": 784,
        "LayerNorm ": 832,
    }
    widths = {
        "x": 40,
        "MultiHead": 104,
        "dropout": 82,
        "+": 34,
        "LayerNorm": 94,
        "z": 40,
        "FFN": 60,
        "dropout ": 82,
        "+ ": 34,
        "LayerNorm ": 92,
    }
    y, height = 96, 44
    names = list(places)
    for name in names:
        d.box(
            places[name],
            y,
            widths[name],
            height,
            "array" if name in ("x", "z") else "op",
            5 if name in ("x", "z") else 20,
        )
        d.text(places[name] + widths[name] / 2, y + 27, name.strip(), "ink strong")
    for left, right in itertools.pairwise(names):
        a, b = places[left] + widths[left], places[right]
        d.arrow((a + 1, y + 16), (b - 1, y + 16))
        d.arrow((b - 1, y + 29), (a + 1, y + 29), back=True)
    for start, end in (("x", "+"), ("z", "+ ")):
        a, b = places[start] + widths[start] / 2, places[end] + widths[end] / 2
        d.arrow((a - 6, y - 2), (a - 6, 46), (b + 6, 46), (b + 6, y - 3))
        d.arrow((b - 7, y - 3), (b - 7, 60), (a + 7, 60), (a + 7, y - 2), back=True)
        d.text((a + b) / 2, 38, "residual: unchanged", "soft small")
        d.text((a + b) / 2, 76, "dresidual, unchanged", "back small")
    d.text(22, 164, "dx = both ways", "back small", "start")
    d.text(552, 170, "dz = both ways", "back small")
    d.arrow((926, 112), (944, 112))
    d.arrow((944, 125), (927, 125), back=True)
    d.text(954, 123, "y", "ink strong")
    d.text(
        22,
        206,
        "Two arrows arrive at x and at z on the way back, so the two gradients are added: dz += dresidual, dx += dresidual.",
        "soft small",
        "start",
    )
    return d


def heads() -> Drawing:
    """How qkv.W is cut into the heads."""
    d = Drawing(
        "qkv.W is W_Q, W_K and W_V below each other, each cut into heads",
        "The array of 3H rows and H columns holds W_Q, W_K, W_V of H rows each. Each is cut into A heads of D rows. One product gives QKV of "
        "shape (B, T, 3H), which is reshaped to (B, T, 3, A, D) and transposed to Q, K and V of shape (B, A, T, D).",
        860, 366,
    )  # fmt: skip
    d.text(130, 26, "qkv.W (3H, H), here A = 3", "ink strong")
    for i, name in enumerate(("W_Q", "W_K", "W_V")):
        for a in range(3):
            kind = "on" if a == 1 else "array"
            d.box(50, 40 + i * 92 + a * 28, 160, 28, kind, 0)
            d.text(130, 59 + i * 92 + a * 28, f"head {a}: D rows", "ink small")
        d.text(28, 86 + i * 92, name, "ink strong")
    d.text(222, 86, "H rows", "soft small", "start")
    d.arrow((270, 170), (352, 170))
    d.text(311, 158, "x Wᵀ + b", "ink small")
    d.text(430, 26, "QKV of one token (3H,)", "ink strong")
    for i, name in enumerate(("Q", "K", "V")):
        for a in range(3):
            d.labeled(362 + a * 46, 52 + i * 92, 46, 60, f"{name}{a}", "on" if a == 1 else "array")
        d.bracket(362, 500, 112 + i * 92, "A heads of D", down=True)
    d.arrow((520, 170), (590, 170))
    d.text(555, 146, "reshape", "ink small")
    d.text(555, 160, "transpose", "ink small")
    d.text(730, 26, "each (B, A, T, D)", "ink strong")
    for i, name in enumerate(("Q", "K", "V")):
        for a in range(3):
            d.box(624 + a * 14, 44 + i * 92 + a * 12, 120, 52, "on" if a == 1 else "array", 3)
        d.text(714, 100 + i * 92, f"{name}: T x D, A times", "ink small")
    d.text(
        430,
        352,
        "Marked: all that head 1 reads. Back, dQ, dK and dV take the same way in reverse into one dQKV.",
        "soft small",
    )
    return d


def broadcast() -> Drawing:
    """A bias serves every row, so its gradient is the sum over the rows."""
    d = Drawing(
        "Forward broadcasts, backward sums",
        "Forward: the bias b of 4 numbers is added to each of 3 rows. Backward: the gradient of b is the sum of the 3 rows of dy.",
        760, 190,
    )  # fmt: skip
    _grid(d, 30, 50, 3, 4, "array")
    d.text(78, 40, "x Wᵀ (N, O)", "ink small")
    d.text(150, 90, "+", "ink strong")
    _grid(d, 172, 74, 1, 4, "on")
    d.text(220, 64, "b (O,), for each row", "ink small")
    for row in range(3):
        d.arrow((270, 86), (306, 62 + row * 24))
    _grid(d, 312, 50, 3, 4, "array")
    d.text(360, 40, "y (N, O)", "ink small")
    _grid(d, 470, 50, 3, 4, "array")
    d.text(518, 40, "dy (N, O)", "ink small")
    for row in range(3):
        d.arrow((570, 62 + row * 24), (614, 86), back=True)
    d.text(596, 144, "Σ over rows", "back small")
    _grid(d, 620, 74, 1, 4, "on")
    d.text(668, 64, "db (O,)", "ink small")
    d.text(
        30,
        168,
        "Whatever the forward uses several times receives one gradient from each use, and they add up.",
        "soft small",
        "start",
    )
    return d


def gather() -> Drawing:
    """A word that stands twice in a text receives two gradients."""
    words = ("the", "film", "was", "good")
    text = (0, 1, 2, 0)
    d = Drawing(
        "Gather forward, scatter-add backward",
        "Forward, each token copies the row of its id from the table. The word the stands twice, so its row is copied twice; backward, "
        "both gradients are added to that one row.",
        760, 240,
    )  # fmt: skip
    d.text(110, 32, "W (V, H)", "ink strong")
    d.text(400, 32, "y = W[ids]", "ink strong")
    d.text(640, 32, "dW", "ink strong")
    for i, word in enumerate(words):
        d.labeled(40, 48 + i * 38, 140, 30, f"{i}  {word}", "on" if i == 0 else "array")
        d.labeled(
            570, 48 + i * 38, 140, 30, {0: "dy_0 + dy_3", 1: "dy_1", 2: "dy_2", 3: "0"}[i], "on" if i == 0 else "array"
        )
    for t, id in enumerate(text):
        d.labeled(330, 48 + t * 38, 140, 30, f"token {t}: {words[id]}", "on" if id == 0 else "array")
        d.arrow((182, 63 + id * 38), (328, 58 + t * 38))
        d.arrow((472, 68 + t * 38), (568, 63 + id * 38), back=True)
    d.text(
        40,
        224,
        "dW[ids] += dy would keep one of the two gradients of row 0; scatter-add keeps both.",
        "soft small",
        "start",
    )
    return d


def projection() -> Drawing:
    """What layer norm's backward takes away."""
    d = Drawing(
        "The backward of layer norm is a projection",
        "The gradient g is split into a part along the vector of ones, a part along x-hat and the rest. The first two are removed: "
        "no step in these directions changes the output. The rest, times 1/σ, is dx.",
        700, 330,
    )  # fmt: skip
    o = (250, 250)
    d.arrow(o, (250, 70))
    d.text(250, 58, "along 1: the mean", "ink small")
    d.arrow(o, (90, 300))
    d.text(96, 320, "along x̂: the scale", "ink small")
    d.line(o, (520, 250), kind="line")
    d.arrow(o, (470, 130), back=True)
    d.text(486, 126, "g = γ dy", "back", "start")
    d.arrow(o, (430, 250))
    d.text(446, 268, "what is left: σ dx", "ink strong", "start")
    d.line((470, 130), (430, 250), kind="gradient")
    d.text(462, 196, "removed:", "soft small", "start")
    d.text(462, 212, "mean(g) 1 + mean(g x̂) x̂", "soft small", "start")
    d.text(
        30,
        24,
        "Adding a number to x or stretching it changes no output, so dx has no part along 1 or x̂.",
        "soft small",
        "start",
    )
    return d


def wordpiece() -> Drawing:
    """One text through the tokenizer of this package."""
    text, vocabulary = (
        "Unbelievably GOOD!",
        ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##believ", "##ably", "good", "!"),
    )
    encoding = WordPieceTokenizer(list(vocabulary)).encode(text)
    d = Drawing(
        "One text through WordPiece",
        f"{text} is normalized to {text.lower()}, split at spaces and punctuation, and each word is cut greedily into the longest tokens of the "
        f"vocabulary: {' '.join(encoding.tokens)}; then each token becomes its id: {', '.join(map(str, encoding.ids))}.",
        760, 300,
    )  # fmt: skip
    wide = [max(40.0, width_of(token) + 16) for token in encoding.tokens]
    starts = [110 + sum(wide[:i]) + 8 * i for i in range(len(wide))]
    words = [
        ("unbelievably", 1, 4),
        ("good", 4, 5),
        ("!", 5, 6),
    ]  # each with its first token and the one behind its last
    last = starts[5] + wide[5]
    for row, name in enumerate(("text", "lower case", "words", "tokens", "ids")):
        d.text(24, 44 + row * 52, name, "soft", "start")
    d.labeled(starts[1], 24, last - starts[1], 30, text)
    d.labeled(starts[1], 76, last - starts[1], 30, text.lower())
    for word, first, end in words:
        d.labeled(starts[first], 128, starts[end - 1] + wide[end - 1] - starts[first], 30, word)
    for start, width, token, id in zip(starts, wide, encoding.tokens, encoding.ids, strict=True):
        d.labeled(start, 180, width, 30, token, "on" if token.startswith("##") else "array")
        d.labeled(start, 232, width, 30, str(id))
    d.text(24, 292, "A marked token continues the word before it (##).", "soft small", "start")
    return d


def masking() -> Drawing:
    """What becomes of the tokens that are to be predicted."""
    d = Drawing(
        "Masking: of every hundred tokens fifteen are to be predicted",
        "Fifteen percent of the tokens are chosen. Of these, eighty percent become [MASK], ten percent a random token and ten percent stay "
        "as they are. The loss is taken at all chosen tokens and nowhere else.",
        780, 220,
    )  # fmt: skip
    words = ["she", "opened", "the", "door", "and", "went", "in"]
    chosen = {3: ("80 %", "[MASK]"), 5: ("10 %", "green"), 1: ("10 %", "opened")}
    for t, word in enumerate(words):
        x = 30 + t * 104
        d.labeled(x, 30, 88, 32, word, "on" if t in chosen else "array")
        after = chosen.get(t, ("", word))[1]
        d.labeled(x, 112, 88, 32, after, "on" if t in chosen else "array")
        d.arrow((x + 44, 64), (x + 44, 110))
        if t in chosen:
            d.text(x + 52, 92, chosen[t][0], "ink small", "start")
            d.text(x + 44, 164, f"label: {word}", "back small")
        else:
            d.text(x + 44, 164, "no label", "soft small")
    d.text(30, 20, "text", "soft small", "start")
    d.text(
        30,
        204,
        "One in ten stays as it is, so the model cannot rely on [MASK] to know which tokens count.",
        "soft small",
        "start",
    )
    return d


def pair() -> Drawing:
    """Two texts as one input."""
    d = Drawing(
        "A pair of texts as one input",
        "[CLS] first text [SEP] second text [SEP]; segment 0 up to and with the first [SEP], segment 1 after it; positions count through.",
        800, 190,
    )  # fmt: skip
    tokens = ["[CLS]", "the", "film", "began", "[SEP]", "it", "was", "good", "[SEP]"]
    for row, name in enumerate(("token", "segment", "position")):
        d.text(24, 50 + row * 44, name, "soft", "start")
        for t, token in enumerate(tokens):
            value = (token, str(int(t > 4)), str(t))[row]
            d.labeled(110 + t * 74, 30 + row * 44, 66, 32, value, "on" if t > 4 and row < 2 else "array")
    d.text(
        24,
        178,
        "Three rows of three tables are added at every token: W_word[token] + W_segment[segment] + W_position[position].",
        "soft small",
        "start",
    )
    return d


def windows() -> Drawing:
    """A long context in windows that overlap."""
    d = Drawing(
        "A context that is too long is read in windows that overlap",
        "Each window holds the question and as many tokens of the context as fit; each begins a stride later than the one before. A word is "
        "scored in the window where it has most context on both sides.",
        780, 230,
    )  # fmt: skip
    d.text(24, 30, "context: 24 tokens, windows of 10, stride 5", "ink", "start")
    for t in range(24):
        d.box(110 + t * 26, 44, 24, 22, "on" if t == 13 else "array", 2)
    for number, start in enumerate((0, 5, 10, 14)):
        y = 84 + number * 30
        d.text(24, y + 16, f"window {number}", "soft small", "start")
        for t in range(start, start + 10):
            d.box(110 + t * 26, y, 24, 22, "on" if t == 13 and number == 2 else "array", 2)
    d.text(
        24,
        222,
        "The marked token stands in windows 1 and 2; the one in which it has more tokens on both sides decides.",
        "soft small",
        "start",
    )
    return d


def bio() -> Drawing:
    """Labels of words and of tokens."""
    d = Drawing(
        "From words to tokens and back: BIO",
        "Each word has a tag: B-PER begins a person, I-PER continues it, O is outside. Only the first token of a word carries its tag; the "
        "others have no label.",
        780, 200,
    )  # fmt: skip
    words = [
        ("Angela", "B-PER", ["angela"]),
        ("Merkel", "I-PER", ["mer", "##kel"]),
        ("visited", "O", ["visited"]),
        ("Paris", "B-LOC", ["paris"]),
    ]
    x = 110.0
    for name, row in (("word", 0), ("tag", 1), ("token", 2), ("label", 3)):
        d.text(24, 45 + row * 42, name, "soft", "start")
    for word, tag, tokens in words:
        width = 96 * len(tokens) + 8 * (len(tokens) - 1)
        d.labeled(x, 26, width, 30, word, "on" if tag != "O" else "array")
        d.labeled(x, 68, width, 30, tag, "on" if tag != "O" else "array")
        for i, token in enumerate(tokens):
            d.labeled(x + i * 104, 110, 96, 30, token)
            d.labeled(
                x + i * 104,
                152,
                96,
                30,
                tag if i == 0 else "ignored",
                "on" if i == 0 and tag != "O" else "array" if i == 0 else "off",
            )
        x += width + 14
    return d


def labels() -> Drawing:
    """The shape of the labels of each task."""
    d = Drawing(
        "What a label looks like in each task",
        "Masked language model and token classification: one label for each token, ignored where there is none. Sequence classification and next "
        "sentence: one for each text. Question answering: a start and an end. Multiple choice: one number for K texts.",
        780, 266,
    )  # fmt: skip
    rows = [
        ("masked_lm (B, T)", ["-100", "-100", "2316", "-100", "-100"]), ("token_classification (B, T)", ["-100", "0", "3", "4", "-100"]),
        ("sequence_classification (B,)", ["1"]), ("next_sentence (B,)", ["0"]), ("question_answering", ["start 2", "end 3"]),
        ("multiple_choice (B,)", ["1 of K"]),
    ]  # fmt: skip
    for row, (name, values) in enumerate(rows):
        d.text(24, 40 + row * 36, name, "ink", "start")
        for i, value in enumerate(values):
            d.labeled(270 + i * 92, 20 + row * 36, 84, 28, value, "off" if value == "-100" else "on")
    d.text(24, 254, "-100 is IGNORED: the row counts neither in the loss nor in its mean.", "soft small", "start")
    return d


def overlap() -> Drawing:
    """Exact match and F1 of one answer."""
    d = Drawing(
        "F1 counts the words that prediction and answer share",
        "The answer has the words blue, old, house; the prediction old, house, there. They share two, so precision is two thirds, recall two thirds "
        "and F1 two thirds; the exact match is 0.",
        700, 150,
    )  # fmt: skip
    for row, (name, words) in enumerate(
        (("answer", ["blue", "old", "house"]), ("prediction", ["old", "house", "there"]))
    ):
        d.text(24, 46 + row * 44, name, "soft", "start")
        for i, word in enumerate(words):
            d.labeled(120 + (i + row) * 92, 26 + row * 44, 84, 30, word, "on" if word in ("old", "house") else "array")
    d.text(520, 46, "precision 2/3, recall 2/3", "ink small", "start")
    d.text(520, 90, "F1 = 2/3, exact = 0", "ink small", "start")
    d.text(24, 136, "Case, punctuation and the words a, an, the do not count.", "soft small", "start")
    return d


def tied() -> Drawing:
    """One array, read twice: two gradients."""
    d = Drawing(
        "One array is read at the bottom and at the top",
        "The word embedding E looks tokens up at the bottom and is the decoder of the masked language model at the top. Backward it receives a "
        "gradient from each use; the gradient of E is their sum.",
        760, 220,
    )  # fmt: skip
    d.labeled(40, 130, 110, 40, "ids")
    d.box(200, 126, 130, 48, "op", 20)
    d.text(265, 155, "lookup", "ink strong")
    d.box(390, 126, 120, 48, "op", 20)
    d.text(450, 155, "encoder", "ink strong")
    d.box(570, 126, 130, 48, "op", 20)
    d.text(635, 155, "n Eᵀ + b", "ink strong")
    d.box(330, 26, 240, 44, "learned")
    d.text(450, 53, "E (V, H), the same array", "ink strong")
    for a, b in ((150, 198), (330, 388), (510, 568)):
        d.arrow((a + 2, 150), (b, 150))
    d.arrow((350, 71), (278, 124))
    d.arrow((262, 124), (334, 71), back=True)
    d.text(210, 92, "dE of the lookup", "back small")
    d.arrow((550, 71), (622, 124))
    d.arrow((638, 124), (566, 71), back=True)
    d.text(680, 92, "dE of the decoder", "back small")
    d.text(450, 90, "their sum", "back small")
    d.text(
        40,
        208,
        "To overwrite one with the other is a classic mistake: each alone passes the check of its own block.",
        "soft small",
        "start",
    )
    return d


def _grid(d: Drawing, x: float, y: float, rows: int, columns: int, kind: str) -> None:
    for row in range(rows):
        for column in range(columns):
            d.box(x + column * 24, y + row * 24, 24, 24, kind, 0)
