"""A module that fails when it is imported, as a plug-in's may."""

raise ZeroDivisionError
