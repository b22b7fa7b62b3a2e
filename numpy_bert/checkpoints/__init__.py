"""Published checkpoints: one reader for each form, {file} -> {name: array}; `names` and `weights` make them Params."""
