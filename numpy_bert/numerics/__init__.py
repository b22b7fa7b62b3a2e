"""Arrays and how they are computed: trees of them, products, threads, memory. Nothing here depends on BERT."""
