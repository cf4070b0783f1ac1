"""Tickets: signed texts and their QR codes, made of a paid reservation and read again."""
