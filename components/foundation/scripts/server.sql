\set ON_ERROR_STOP on
SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user \gset
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
