"""Interventions: change one thing inside a model and see how its answer changes."""
