"""Commands around the settings of an environment."""
