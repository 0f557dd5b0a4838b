"""Data and features: the first pillar."""
