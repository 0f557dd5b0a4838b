"""`pulumi-resource-random` in Python, for machines where the official plugin cannot be had."""
