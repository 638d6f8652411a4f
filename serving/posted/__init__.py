"""Records that come with the question, scored in batches with a result for each."""
