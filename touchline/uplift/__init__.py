"""Uplift of outreach over hold-out: from the warehouse or from files, as a report."""
