"""Calls: the handler table and the interceptors that serve both transports.

`handlers` builds one table of methods from the descriptors of the services; `dispatcher` runs a method's handler
through the interceptors and turns whatever goes wrong into a `DomainError`. `rpc` and `rest` are two listeners over it.
"""
