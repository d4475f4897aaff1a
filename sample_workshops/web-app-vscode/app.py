"""A reading group's list of books."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, render_template


@dataclass
class Book:
    """One book, and how many of the group liked it."""

    title: str
    author: str
    votes: int = 0


def create_app() -> Flask:
    """A new application with its own list, so that every test starts from the same one."""
    app = Flask(__name__)
    books = {
        1: Book("The Left Hand of Darkness", "Ursula K. Le Guin", 3),
        2: Book("Middlemarch", "George Eliot", 5),
        3: Book("Things Fall Apart", "Chinua Achebe", 4),
    }

    @app.get("/")
    def index() -> str:
        return render_template("index.html", books=books)

    @app.get("/api/books")
    def api_books() -> list[dict[str, object]]:
        return [{"id": number, "title": book.title, "votes": book.votes} for number, book in books.items()]

    return app
