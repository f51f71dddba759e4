"""What makes: recipe, cohort, backends, engines."""
