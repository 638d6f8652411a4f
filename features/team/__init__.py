"""People and teams: who attains what, at which pace and load, and what of it the data can tell apart from luck."""
