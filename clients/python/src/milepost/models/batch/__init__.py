"""Batch prediction: files in, files out, a piece at a time, so that a file may be larger than the memory."""
