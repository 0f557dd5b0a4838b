"""Bringing a stack up and down through the engine, also after a crash."""
