"""The one engine that the live run, rule tests and the back-test share: records, keyed state, time and timers."""
