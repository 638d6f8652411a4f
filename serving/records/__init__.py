"""Records put, deleted and merged by a CRM, each request once and whole or not at all."""
