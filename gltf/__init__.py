"""Binary glTF 2.0, read without trust and written plainly; knows nothing of what the meshes are for."""
