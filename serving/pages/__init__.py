"""What people see in a browser: pages in English and Russian, made on the server."""
