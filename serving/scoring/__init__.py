"""From the records of a moment to scores and their reasons in words; used by the command line and the server alike."""
