"""Bulletins: figures of a week, a day, a month, a year; words from templates that people edit; pages, PDF, messages."""
