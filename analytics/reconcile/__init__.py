"""Late repeats removed, rollups compared with the events and put right."""
