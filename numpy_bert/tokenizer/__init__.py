"""Text in, token ids out, and back: cleaning, words, WordPiece, and the files that describe them."""
