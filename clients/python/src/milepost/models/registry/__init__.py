"""Models on servers: URIs, fetching with a cache, logging, registering, copying."""
