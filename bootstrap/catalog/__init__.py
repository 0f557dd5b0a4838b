"""Shows the catalog of third-party parts."""
