"""The one door for students: join page, codes, reverse proxy, seat page. One process for each classroom."""
