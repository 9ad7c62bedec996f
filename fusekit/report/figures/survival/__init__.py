"""Times to an event: survival by predicted risk, scores and calibration at horizons, curves of patients."""
