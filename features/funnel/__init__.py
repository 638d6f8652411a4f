"""The way from a lead to a won deal: visits of stages, their conversion and time, the funnel with its leverage and bottleneck."""
