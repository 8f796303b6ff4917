"""What has to come again and again, decided on that graph."""
