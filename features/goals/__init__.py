"""Goals in SMART form: what is to be reached, by whom and when, whether it is a goal at all, and how far it has come."""
