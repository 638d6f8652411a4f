"""How the server is kept running and watched: limits, shedding, logs, metrics, traces."""
