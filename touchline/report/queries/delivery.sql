SELECT status, channel, adapter FROM deliveries WHERE signal_id = %(signal)s ORDER BY at
