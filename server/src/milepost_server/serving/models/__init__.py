"""The models that the server serves: where they come from, which version gets the traffic, and how that changes."""
