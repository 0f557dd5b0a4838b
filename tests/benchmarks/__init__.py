"""What speed and memory are judged by: goals, and ratios to a floor taken in the same run."""
