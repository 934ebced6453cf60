"""What whoever runs a model server sees of it: metrics, traces, the access log, samples and health."""
