"""HTTP interfaces of the model server that no HTTP rule describes: MLflow's scoring protocol and Open Inference V2."""
