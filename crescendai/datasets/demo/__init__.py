"""The embedded demo corpus: passages, simulated players and raters, and the truth behind them."""
