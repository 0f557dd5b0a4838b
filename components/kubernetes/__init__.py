"""What Kubernetes objects the platform is made of: hardened, explicit, seen by policies."""
