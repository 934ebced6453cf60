"""What models need to be loaded: requirements, and environments built from them."""
