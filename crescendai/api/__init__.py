"""Contracts of what is sent and answered, and the service that keeps them."""
