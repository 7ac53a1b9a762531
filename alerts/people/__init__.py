"""People who get messages: the address book's files, their answers, receipts."""
