"""What every call passes through, in this order: observation, admission, validation."""
