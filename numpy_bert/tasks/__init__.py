"""The heads on top of BERT, one file each, and the loss of each task as a function of all parameters (`objective`)."""
