"""The layouts a data set can have on disk; one file each, `smalti.data.opening` chooses among them."""
