SELECT count() FROM touchpoints WHERE kind IN %(complaints)s
