"""Writes the data of the features to the path that is given."""

import sys
from datetime import UTC, datetime, timedelta

import pandas

moment = datetime.now(UTC) - timedelta(hours=1)
frame = pandas.DataFrame({"driver_id": [7, 8], "rating": [4.5, 3.25], "event_timestamp": [moment, moment]})
frame.astype({"rating": "float32"}).to_parquet(sys.argv[1])
