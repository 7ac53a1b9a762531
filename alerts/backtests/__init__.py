"""Rules run over what is stored."""
