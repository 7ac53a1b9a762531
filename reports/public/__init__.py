"""What anybody may read: may water be taken in now, when the tide may allow it, how the air is."""
