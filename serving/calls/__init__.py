"""What people say will happen, kept beside the model's answer of that moment and judged like it."""
