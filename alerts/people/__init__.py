"""Those who are told: contacts, what they answer, what they shelve."""
