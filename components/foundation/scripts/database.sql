SELECT format('CREATE ROLE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'password';
\if :superuser
-- Only a superuser may touch these, even to take them away, and only one can have granted them.
ALTER ROLE :"name" NOSUPERUSER NOREPLICATION NOBYPASSRLS;
\else
-- Without it, only a superuser may give a role a database and say who connects to it.
GRANT :"name" TO CURRENT_USER;
\endif
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
