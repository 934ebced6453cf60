"""Storage: interfaces in `base`, SQL databases in `sql`, files in `artifacts`."""
