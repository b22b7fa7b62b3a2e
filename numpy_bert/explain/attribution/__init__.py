"""How much each token of a text contributes to an output."""
