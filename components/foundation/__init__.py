"""What every cloud and an on-premises cluster give to the pillars, and how each does it."""
