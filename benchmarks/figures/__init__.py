"""One module per subject; each is found by itself and registers its figures with `framework.benchmark`."""
