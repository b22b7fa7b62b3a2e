"""The drawings of the pages. `python docs/draw.py` makes them all again."""
