"""Every message on disk before anything of it is published, and what becomes of each."""
