"""The weight-free CPU backend: silhouette, inflated closed mesh, projected PBR texture."""
