"""Rules on history: the engine of the live run over what happened, and what the signals were worth."""
