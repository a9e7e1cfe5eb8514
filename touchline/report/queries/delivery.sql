SELECT status, channel, adapter, what, target FROM deliveries WHERE signal_id = %(signal)s ORDER BY at
