"""Metric points as numpy columns: how they are packed, summed up and thinned. Knows of no database and no transport.

`docs/metric-format.md` specifies what is stored.
"""
