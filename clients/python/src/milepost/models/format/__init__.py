"""A model's folder: descriptor, manifest and input example. `docs/model-format.md` specifies them."""
