"""CDS Hooks service: discovery, the caller's JWT, request reading, services, cards.

Knows the CDS Hooks wire format; a card's clinical content comes from `model`, its data from `patient_context`.
"""
