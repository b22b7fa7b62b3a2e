"""How a BERT learns: random parameters, data, update rules, the loop, and saves that survive a crash."""
