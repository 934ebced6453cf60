"""The gRPC listener over the handler table."""
