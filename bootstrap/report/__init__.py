"""How work is shown to people."""
