"""Finding instruments on a line, and what their registers can mean."""
