"""The on-premises foundation: object store, database, cache and edge as parts inside the cluster."""
