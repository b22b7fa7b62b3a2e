"""Files of examples to batches, a module for each task."""
