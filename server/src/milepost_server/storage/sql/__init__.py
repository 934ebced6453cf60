"""SQL databases: tables in `schema`, what differs between databases in `dialects`, one executor per driver."""
