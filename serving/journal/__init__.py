"""Every answer that was issued, written once, and read back as history and exports."""
