"""Where code and data come from, and how they are laid out for a stage."""
