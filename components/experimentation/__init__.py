"""Experiments and models: the second pillar."""
