"""The services of the model server: a short method for each call. What each does is said in its proto."""
