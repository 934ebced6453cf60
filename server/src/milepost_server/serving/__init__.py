"""The model server: registered models behind gRPC and HTTP. It knows the registry as a client does, and no storage."""
