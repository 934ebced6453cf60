"""Servicers: one method per RPC, which hands the request to a service and wraps its answer. No rules here."""
