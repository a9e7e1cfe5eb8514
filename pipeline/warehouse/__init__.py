"""The warehouse's logic: facts as columns, the minutes they touch, and the SQL, which is files beside it."""
