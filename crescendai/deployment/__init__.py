"""The networks outside of this package."""
