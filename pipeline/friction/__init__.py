"""Finding friction: rules as data, compiled; detectors; the journey of each customer."""
