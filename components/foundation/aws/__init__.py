"""The foundation on AWS."""
