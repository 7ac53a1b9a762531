"""Servers of the field's protocols, with the instruments mounted on them and the journal of what they served."""
