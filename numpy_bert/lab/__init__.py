"""The lab: a page on the loopback address on which a model can be changed and watched."""
