"""Images of models: a folder from which docker or podman builds one, with every distribution pinned."""
