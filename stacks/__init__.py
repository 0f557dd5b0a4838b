"""What people deploy: the program, its settings, one file for each environment."""
