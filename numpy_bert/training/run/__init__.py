"""The folder of a training run: its saves, its curve and its progress."""
