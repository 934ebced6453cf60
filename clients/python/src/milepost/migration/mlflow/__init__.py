"""MLflow: its databases, folders and servers as sources, and its servers and folders as targets."""
