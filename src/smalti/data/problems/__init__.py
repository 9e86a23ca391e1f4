"""What can be wrong with a data set: one file for each kind of trouble, whose functions yield problems with their mend.

Nothing is read here: a problem is judged from the index (`Source`) and from what was seen of each picture (`Facts`).
"""
