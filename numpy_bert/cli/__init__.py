"""The command line, numpy-bert: a module for each group of commands."""
