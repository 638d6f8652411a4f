"""What a caller may know and decide about models: card, catalog, promotion."""
