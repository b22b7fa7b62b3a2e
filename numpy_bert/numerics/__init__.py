"""Arrays and how they are computed: trees of them, products, threads, memory. Nothing here knows of BERT."""
