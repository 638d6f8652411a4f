"""The KPIs: what each means, and one pass over a Snapshot that answers all of them for many windows and nodes."""
