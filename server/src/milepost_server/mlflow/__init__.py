"""MLflow's REST API: servicers of `milepost.mlflow.v1`.

They translate: a request into that of `milepost.v1`, which is checked by its own rules and answered by the services of
the native API, and the answer back. No rule of what may be stored lives here.
"""

MLFLOW_VERSION = "3.17.0"
"""The release of MLflow whose API this is: the newest that the tests call it with."""
