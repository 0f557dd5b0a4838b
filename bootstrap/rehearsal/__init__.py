"""Rehearsals: the whole life cycle of a stack against a cloud that is played."""
