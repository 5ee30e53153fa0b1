"""Python's ADBC driver and pyarrow against a server with TLS, users and tokens."""
import os

import adbc_driver_flightsql.dbapi as flight
import adbc_driver_manager
import pyarrow.flight as plain

URI, ROOTS = os.environ["URI"], open(os.environ["CA"]).read()


def answer(**options):
    options["adbc.flight.sql.client_option.tls_root_certs"] = ROOTS
    with flight.connect(URI, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        return cursor.fetchone()[0]


assert answer(username="ann", password="pw") == 42
# The driver leaves out the padding of base64, which is of three lengths.
assert answer(username="eve", password="pw1") == 42
assert answer(username="mia", password="pw12") == 42
assert answer(**{"adbc.flight.sql.authorization_header": "Bearer t0ken"}) == 42
texts = set()
for wrong in [
    {"username": "ann", "password": "PW"},
    {"username": "bob", "password": "pw"},
    {"adbc.flight.sql.authorization_header": "Bearer other"},
    {},
]:
    try:
        answer(**wrong)
    except adbc_driver_manager.Error as error:
        assert error.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED, error
        texts.add(str(error).split("(")[0])
    else:
        raise AssertionError(wrong)
assert all("wrong user name, password or token" in text for text in texts), texts

client = plain.FlightClient(URI, tls_root_certs=ROOTS.encode())
header = client.authenticate_basic_token("ann", "pw")
options = plain.FlightCallOptions(headers=[header])
info = client.get_flight_info(plain.FlightDescriptor.for_command(b"SELECT 7 AS n"), options)
assert client.do_get(info.endpoints[0].ticket, options).read_all()["n"].to_pylist() == [7]
