"""Moves artifacts with the Python client for the Java client's tests.

artifacts_interop.py ADDRESS RUN PATH FOLDER BACK    downloads PATH to FOLDER and uploads that to BACK
"""

import sys

import milepost

address, run_id, path, folder, back = sys.argv[1:]
with milepost.Client(address) as client:
    client.artifacts.download(run_id, path, folder)
    client.artifacts.upload(run_id, folder, back)
