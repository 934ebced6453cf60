"""MLflow's REST API as protos; see `milepost.mlflow.v1`."""
