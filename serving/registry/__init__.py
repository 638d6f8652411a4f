"""Which model answers: the champions, their promotion, and the last good copy while registry or store are away."""
