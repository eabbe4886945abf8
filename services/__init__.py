"""What runs inside the containers, and how their images are built."""
