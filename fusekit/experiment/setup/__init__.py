"""What a run is asked to do, and on what: settings, plan, cohort."""
