"""Histories of other tracking systems, in and out.

    source (mlflow/…) --entities--> mapping --resources of milepost.v1--> importing --> server --> verifying --> report

A source reads one system. What it yields are resources of `milepost.v1`, so the pipeline knows no
other system.
"""
