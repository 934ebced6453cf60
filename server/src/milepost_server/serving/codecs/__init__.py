"""Wire forms of batches and answers, one module each. They know no transport."""
