"""What is needed before and around `pulumi up`."""
