-- A small library: who borrowed what, and when it came back.
CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT NOT NULL, joined DATE NOT NULL);
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL, year INTEGER NOT NULL);
CREATE TABLE loan (
  id INTEGER PRIMARY KEY,
  member_id INTEGER NOT NULL REFERENCES member (id),
  book_id INTEGER NOT NULL REFERENCES book (id),
  lent DATE NOT NULL,
  returned DATE
);
INSERT INTO member VALUES
  (1, 'Amina', '2021-03-02'), (2, 'Bruno', '2022-09-14'), (3, 'Chen', '2023-01-20'), (4, 'Dora', '2024-05-06');
INSERT INTO book VALUES
  (1, 'Frankenstein', 'Mary Shelley', 1818), (2, 'Middlemarch', 'George Eliot', 1871),
  (3, 'The Time Machine', 'H. G. Wells', 1895), (4, 'My Antonia', 'Willa Cather', 1918),
  (5, 'Mrs Dalloway', 'Virginia Woolf', 1925), (6, 'Orlando', 'Virginia Woolf', 1928);
INSERT INTO loan (member_id, book_id, lent, returned) VALUES
  (1, 1, '2024-01-08', '2024-01-29'), (1, 5, '2024-02-01', '2024-02-20'), (2, 5, '2024-02-22', '2024-04-02'),
  (2, 3, '2024-04-05', '2024-04-12'), (3, 2, '2024-03-11', NULL), (1, 6, '2024-03-15', '2024-04-01'),
  (3, 1, '2024-05-02', '2024-05-30'), (2, 6, '2024-06-03', NULL);
