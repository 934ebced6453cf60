"""What a model takes and gives: makes checked payloads of what callers send, in whatever form it came."""
