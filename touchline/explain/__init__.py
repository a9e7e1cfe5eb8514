"""Why a signal is there, and why one is not: history of one customer through the engine, told in words."""
