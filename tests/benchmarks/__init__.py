"""What the issue of speed and memory is decided by: ratios to a floor taken in the same run."""
