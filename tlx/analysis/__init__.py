"""The stages: models and arrays in, one frozen result out. No store, no case by name, no figure."""
