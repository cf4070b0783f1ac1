"""The site's own addresses: errors, robots.txt, the API's description, uploaded files."""
