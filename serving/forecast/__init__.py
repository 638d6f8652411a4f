"""The forecast of a period, its record, its bridge between two dates, and what-if."""
