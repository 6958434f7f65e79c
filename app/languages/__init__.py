"""Languages of the pages: which are offered, how a reader's is chosen, and their catalogues.

English is the source; `translations/<language>/LC_MESSAGES/messages.po` holds the others (`make messages`).
"""
