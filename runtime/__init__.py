"""What runs inside the container: an image in, a textured 3D model out."""
