"""Looking inside a model: what a change of its constants does, and more."""
