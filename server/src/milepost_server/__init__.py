"""The Milepost server: gRPC and HTTP over one set of services, a SQL database and an artifact store."""
