"""What noise maps look like: the page of `obverse measure darks`, and its pictures."""
