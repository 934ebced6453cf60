"""TensorBoard as a source: `folders` finds event files, `records` cuts them, `summaries` says what is in them."""
