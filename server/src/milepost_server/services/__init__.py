"""Services: the rules. Each call is one transaction; nothing here knows a transport or SQL."""
