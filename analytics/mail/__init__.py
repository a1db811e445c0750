"""Mail going out, by SMTP."""
