"""Charts as people write them, checked, and drawn as pictures in a process of their own."""
