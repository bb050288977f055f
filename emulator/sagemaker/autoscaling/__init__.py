"""Application Auto Scaling: targets, policies, activities, and what they decide."""
