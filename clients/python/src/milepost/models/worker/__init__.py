"""The process that a served model runs in, and what goes between it and the model server.

It runs in the model's own environment, so it needs nothing but this client with the extra `models`.
"""
