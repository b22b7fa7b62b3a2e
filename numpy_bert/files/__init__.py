"""Files: opened safely, replaced atomically, read as strict JSON or as lines, locked. Nothing here depends on BERT."""
