"""What users write: settings, definitions, themes and keys; and where files live."""
