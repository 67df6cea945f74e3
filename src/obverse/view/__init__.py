"""Pictures and pages: everything that draws; matplotlib is imported only when something is drawn."""
