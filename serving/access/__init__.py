"""Who asks and what they may see: keys, sessions, scopes, the people below somebody, and the audit log."""
