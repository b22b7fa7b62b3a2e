"""The files that torch.save writes, read without running anything in them."""
