"""python -m numpy_bert: the same as the command numpy-bert."""

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
