"""Interventions: change one thing inside a model and see what becomes of its answer."""
