"""The server as processes: socket, workers, and what watches over them."""
