"""A cloud's provider played by tables: the generic engine, which knows no cloud."""
