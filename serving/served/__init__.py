"""What the server holds: data, champions and scores of one moment, swapped whole, ranked and narrowed to a caller."""
