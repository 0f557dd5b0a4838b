\connect :"name"
CREATE EXTENSION IF NOT EXISTS :"extension";
\connect postgres
