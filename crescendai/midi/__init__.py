"""Performances as notes and pedal movements."""
