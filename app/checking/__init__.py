"""What `aki ehr check` finds out about an EHR: each step asks one question and answers with a cause and a cure.

Nothing here changes anything, and no finding holds a token, a patient or the text of an answer.
"""
